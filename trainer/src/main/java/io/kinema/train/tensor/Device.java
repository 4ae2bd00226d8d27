package io.kinema.train.tensor;

/**
 * Where tensors live and all arithmetic happens: a small set of coarse operations, forward and backward side by side.
 *
 * <p>Shapes: {@code L} packed tokens, {@code S} segments, {@code D} width, {@code N} heads, {@code K} = D/N, {@code R}
 * any rows, {@code I} and {@code O} features in and out. Operations return new tensors unless they say otherwise. A
 * parameter's gradient (an argument named {@code dWeight}, {@code dBias}, {@code dTable}, {@code dShift},
 * {@code dScale}, {@code dGate}) is <em>added to</em>; the caller clears it. Nothing changes its inputs but
 * {@link #zero}, {@link #add}, {@link #adamw}, {@link #ema} {@link #write} and {@link #copy}. Shapes that do not fit
 * are a bug in the caller: {@link IllegalArgumentException} with both.
 *
 * <p>Types: tensors are of {@link #dtype()} or {@link #workingType()}. Every operation takes either; results are of the
 * working type, but {@link #zeros}, {@link #of}, {@link #embedding} and {@link #mix} give {@link #dtype()}, a sum onto
 * a residual stream has the stream's type, and the gradient of an input that the operation is given has that input's
 * type. Parameters' gradients are of {@link #dtype()}.
 *
 * <p>Every operation gives bitwise the same result for the same inputs on the same machine. {@link #add},
 * {@link #adamw} and {@link #ema} treat each element alike wherever it stands, so that a vector may be cut anywhere and
 * updated piecewise. A device is used by one thread at a time; others may only read and write tensors, see
 * {@link #completion}.
 */
public interface Device extends TensorMemory, ParameterUpdates {

    /** The epsilon under the root of every norm. */
    double NORM_EPSILON = 1e-6;

    /** {@return the name, as in {@code --device}} */
    String name();

    /**
     * Adds in place: {@code into += term}.
     *
     * @param into is changed
     * @param term the same number of elements
     */
    void add(Tensor into, Tensor term);

    /**
     * Multiplies by a matrix: {@code y = x·weightᵀ + bias}.
     *
     * @param xRI input [R, I]
     * @param weightOI weights [O, I]
     * @param biasO bias [O]
     * @return [R, O]
     */
    Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO);

    /**
     * Returns the gradient of {@link #linear}'s input.
     *
     * @param dyRO gradient of the output [R, O]
     * @param weightOI weights [O, I]
     * @return [R, I]
     */
    Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI);

    /**
     * Adds the gradients of {@link #linear}'s parameters.
     *
     * @param dyRO gradient of the output [R, O]
     * @param xRI input [R, I]
     * @param dWeight added to [O, I]
     * @param dBias added to [O]
     */
    void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias);

    /**
     * A linear layer and its activation: {@link #linear}, then {@link #gelu}.
     *
     * @param xRI input [R, I]
     * @param weightOI weights [O, I]
     * @param biasO bias [O]
     * @return both results
     */
    default Activated linearGelu(Tensor xRI, Tensor weightOI, Tensor biasO) {
        Tensor inner = linear(xRI, weightOI, biasO);
        return new Activated(inner, gelu(inner));
    }

    /**
     * Returns the gradient of what a GELU took, from that of what the linear layer after it gave:
     * {@link #linearBackwardInput}, then {@link #geluBackward}.
     *
     * @param dyRO gradient of the output [R, O]
     * @param weightOI weights [O, I]
     * @param innerRI the input of the GELU [R, I]
     * @return [R, I]
     */
    default Tensor linearBackwardInputGelu(Tensor dyRO, Tensor weightOI, Tensor innerRI) {
        return geluBackward(linearBackwardInput(dyRO, weightOI), innerRI);
    }

    /**
     * A linear layer onto a residual stream: {@code residual + x·weightᵀ + bias}.
     *
     * @param xRI input [R, I]
     * @param weightOI weights [O, I]
     * @param biasO bias [O]
     * @param residualRO the stream [R, O]
     * @return [R, O], of the stream's type
     */
    default Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        Tensor y = linear(xRI, weightOI, biasO);
        add(y, residualRO);
        return y;
    }

    /**
     * A linear layer onto a residual stream through each segment's own gate: {@link #linear}, then
     * {@link #gatedResidual}.
     *
     * @param xLI input [L, I]
     * @param weightDI weights [D, I]
     * @param biasD bias [D]
     * @param residualLD the stream [L, D]
     * @param gateSD gate of each segment [S, D]
     * @param segments the table of the gates' tokens; attention may have another
     * @return the branch before the gate, and the sum, of the stream's type
     */
    default Gated linearGatedResidual(
            Tensor xLI, Tensor weightDI, Tensor biasD, Tensor residualLD, Tensor gateSD, Segments segments) {
        Tensor y = linear(xLI, weightDI, biasD);
        return new Gated(y, gatedResidual(residualLD, y, gateSD, segments));
    }

    /**
     * Gaussian error linear unit, tanh form (Hendrycks and Gimpel, 1606.08415, section 2).
     *
     * @param x any shape
     * @return {@code 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))}
     */
    Tensor gelu(Tensor x);

    /**
     * Returns the gradient of {@link #gelu}'s input.
     *
     * @param dy gradient of the output
     * @param x the input
     * @return the shape of x
     */
    Tensor geluBackward(Tensor dy, Tensor x);

    /**
     * Sigmoid linear unit, {@code x·σ(x)}.
     *
     * @param x any shape
     * @return the shape of x
     */
    Tensor silu(Tensor x);

    /**
     * Returns the gradient of {@link #silu}'s input.
     *
     * @param dy gradient of the output
     * @param x the input
     * @return the shape of x
     */
    Tensor siluBackward(Tensor dy, Tensor x);

    /**
     * Root mean square norm of each row (Zhang and Sennrich, 1910.07467, equation 4): {@code y = x / √(mean(x²) +
     * NORM_EPSILON) · weight}.
     *
     * @param xRD rows; any shape whose last extent is that of the weight
     * @param weightD one factor a column [D]
     * @return the shape of x
     */
    Tensor rmsNorm(Tensor xRD, Tensor weightD);

    /**
     * Returns the gradient of {@link #rmsNorm}'s input and adds that of its weight.
     *
     * @param dyRD gradient of the output
     * @param xRD the input
     * @param weightD the weight [D]
     * @param dWeight added to [D]
     * @return the shape of x
     */
    Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight);

    /**
     * Layer norm without parameters, then each segment's own shift and scale (Peebles and Xie, 2212.09748, section
     * 3.2): {@code y = (x − mean(x)) / √(var(x) + NORM_EPSILON) · (1 + scale) + shift}, with the biased variance.
     *
     * @param xLD tokens [L, D]
     * @param shiftSD shift of each segment [S, D]
     * @param scaleSD scale of each segment [S, D]
     * @param segments the table of the modulation's tokens; attention may have another
     * @return [L, D]
     */
    Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments);

    /**
     * Returns the gradient of {@link #modulatedLayerNorm}'s input and adds those of shift and scale.
     *
     * @param dyLD gradient of the output [L, D]
     * @param xLD the input [L, D]
     * @param scaleSD scale of each segment [S, D]
     * @param segments the table of the modulation's tokens
     * @param dShift added to [S, D]
     * @param dScale added to [S, D]
     * @return [L, D]
     */
    Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale);

    /**
     * Adds a branch through each segment's own gate: {@code x + gate·y}.
     *
     * @param xLD the residual stream [L, D]
     * @param yLD the branch [L, D]
     * @param gateSD gate of each segment [S, D]
     * @param segments the table of the gates' tokens; attention may have another
     * @return [L, D]
     */
    Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments);

    /**
     * Returns the gradient of {@link #gatedResidual}'s branch and adds that of its gate. The gradient of the residual
     * stream is that of the output.
     *
     * @param dOutLD gradient of the output [L, D]
     * @param yLD the branch [L, D]
     * @param gateSD gate of each segment [S, D]
     * @param segments the table of the gates' tokens
     * @param dGate added to [S, D]
     * @return gradient of y [L, D]
     */
    Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate);

    /**
     * Rotary position embedding (Su et al., 2104.09864): turns the pair {@code (x[i], x[i + K/2])} of every head by the
     * angle of its token and of pair i.
     *
     * @param xLNK heads [L, N, K], K even
     * @param cosLP cosines of the angles [L, K/2]
     * @param sinLP sines of the angles [L, K/2]
     * @return {@code (x1·cos − x2·sin, x2·cos + x1·sin)} [L, N, K]
     */
    Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP);

    /**
     * Returns the gradient of {@link #rope}'s input: the turn back.
     *
     * @param dyLNK gradient of the output [L, N, K]
     * @param cosLP cosines [L, K/2]
     * @param sinLP sines [L, K/2]
     * @return [L, N, K]
     */
    Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP);

    /**
     * Cuts a projection into queries, keys and values, and norms and turns queries and keys: {@link #split},
     * {@link #rmsNorm} over each head, {@link #rope}.
     *
     * @param qkvL3D queries, keys and values side by side [L, 3D]
     * @param by norms and angles
     * @return heads [L, N, K]
     */
    default Qkv heads(Tensor qkvL3D, HeadRotation by) {
        Tensor[] parts = split(qkvL3D, 3);
        int headWidth = by.queryNormK().dim(0);
        return new Qkv(
                rope(rmsNorm(headsOf(parts[0], headWidth), by.queryNormK()), by.cosLP(), by.sinLP()),
                rope(rmsNorm(headsOf(parts[1], headWidth), by.keyNormK()), by.cosLP(), by.sinLP()),
                headsOf(parts[2], headWidth));
    }

    /**
     * Returns the gradient of {@link #heads}' input and adds those of both norms.
     *
     * @param grad gradients of queries, keys and values, each [L, N, K]
     * @param qkvL3D the input [L, 3D]
     * @param by norms and angles
     * @param dQueryNorm added to [K]
     * @param dKeyNorm added to [K]
     * @return [L, 3D]
     */
    default Tensor headsBackward(
            AttentionGrad grad, Tensor qkvL3D, HeadRotation by, Tensor dQueryNorm, Tensor dKeyNorm) {
        Tensor[] parts = split(qkvL3D, 3);
        int headWidth = by.queryNormK().dim(0);
        Tensor dq = ropeBackward(grad.dqLNK(), by.cosLP(), by.sinLP());
        Tensor dk = ropeBackward(grad.dkLNK(), by.cosLP(), by.sinLP());
        return concat(
                rowsOf(rmsNormBackward(dq, headsOf(parts[0], headWidth), by.queryNormK(), dQueryNorm)),
                rowsOf(rmsNormBackward(dk, headsOf(parts[1], headWidth), by.keyNormK(), dKeyNorm)),
                rowsOf(grad.dvLNK()));
    }

    /**
     * Scaled dot-product attention within segments: the queries of segment s see the keys of segment s, all of them.
     *
     * @param qLNK queries [Lq, N, K]
     * @param kLNK keys [Lk, N, K]
     * @param vLNK values [Lk, N, K]
     * @param querySegments the table of Lq
     * @param keySegments the table of Lk, as many segments
     * @return {@code softmax(q·kᵀ/√K)·v} and the softmax's log-denominators
     */
    Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments);

    /**
     * Returns the gradients of {@link #attention}'s inputs.
     *
     * @param dOutLNK gradient of the output [Lq, N, K]
     * @param qkv the queries, keys and values that went forward
     * @param forward what {@link #attention} returned
     * @param querySegments the table of Lq
     * @param keySegments the table of Lk
     * @return three gradients
     */
    AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments);

    /**
     * Looks rows up.
     *
     * @param tableVD the table [V, D]
     * @param ids rows, each in 0 … V−1
     * @return [ids.count(), D]
     */
    Tensor embedding(Tensor tableVD, RowIds ids);

    /**
     * Adds the gradients of {@link #embedding}'s rows, in the order of the ids.
     *
     * @param dyLD gradient of the output [L, D]
     * @param ids the rows that were looked up
     * @param dTable added to [V, D]
     */
    void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable);

    /**
     * Averages each segment's rows.
     *
     * @param xLD rows [L, D]
     * @param segments the table of L
     * @return [S, D]
     */
    Tensor segmentMean(Tensor xLD, Segments segments);

    /**
     * Returns the gradient of {@link #segmentMean}'s input.
     *
     * @param dySD gradient of the output [S, D]
     * @param segments the table of L
     * @return [L, D]
     */
    Tensor segmentMeanBackward(Tensor dySD, Segments segments);

    /**
     * Cuts columns into equal parts.
     *
     * @param xRD [R, D], D a multiple of {@code parts}
     * @param parts how many
     * @return as many tensors [R, D / parts]
     */
    Tensor[] split(Tensor xRD, int parts);

    /**
     * Puts columns side by side: the inverse of {@link #split}, and its backward.
     *
     * @param parts tensors [R, D_i]
     * @return [R, Σ D_i]
     */
    Tensor concat(Tensor... parts);

    /**
     * Mixes two tensors with each segment's own weights: {@code weightA[s]·a + weightB[s]·b}.
     *
     * @param aLP [L, P]
     * @param bLP [L, P]
     * @param weightA one a segment
     * @param weightB one a segment
     * @param segments the table of L
     * @return [L, P]
     */
    Tensor mix(Tensor aLP, Tensor bLP, SegmentWeights weightA, SegmentWeights weightB, Segments segments);

    /**
     * Weighted squared error of each segment, and its gradient.
     *
     * @param predictionLP [L, P]
     * @param targetLP [L, P]
     * @param weightL the weight of each token [L], of {@link #dtype()}; a finite error of weight 0 counts nothing
     * @param segments the table of L
     * @param scale factor on the gradient
     * @return the sums of {@code weight·(prediction − target)²}, which stay on the device, and
     *     {@code 2·scale·weight·(prediction − target)}
     */
    SquaredError squaredError(Tensor predictionLP, Tensor targetLP, Tensor weightL, Segments segments, double scale);
}
