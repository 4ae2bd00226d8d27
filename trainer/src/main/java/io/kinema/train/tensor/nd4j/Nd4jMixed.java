package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * The device {@code nd4j} in mixed precision (Micikevicius et al., 1710.03740): activations and working weights are stored in FP16, everything is computed in FP32 and rounded
 * once at the end of an operation. The products of linear layers take operands of FP16 and add in FP32.
 *
 * <p>Attention's products are FP32: for stacks of matrices nd4j-cuda has a kernel of its own that would add in FP16.
 */
final class Nd4jMixed implements Device {
    private final Nd4jMemory memory;
    private final Nd4jDevice wide;
    private final Nd4jLayers layers;
    private final boolean multipliesHalf;

    /**
     * @param memory of FP32
     * @param multipliesHalf whether the backend multiplies FP16 into FP32, as that of CUDA does; that of the CPU multiplies FP16 into FP16 only, adding in FP16, so there the same values are
     *     multiplied in FP32
     */
    Nd4jMixed(Nd4jMemory memory, boolean multipliesHalf) {
        this.memory = memory;
        this.wide = new Nd4jDevice(memory);
        this.layers = new Nd4jLayers(memory);
        this.multipliesHalf = multipliesHalf;
    }

    private Tensor half(int... shape) {
        return memory.allocate(DType.FP16, shape);
    }

    /** A tensor in FP32: itself, or a copy in the innermost scope. */
    private Tensor widened(Tensor x) {
        return x.dtype() == DType.FP32 ? x : copyOf(x, DType.FP32);
    }

    private Tensor copyOf(Tensor x, DType type) {
        Tensor copy = memory.allocate(type, x.shape());
        wide.copy(copy, x);
        return copy;
    }

    /** What a product takes of a tensor, in the innermost scope. */
    private Tensor operand(Tensor x) {
        Tensor rounded = x.dtype() == DType.FP16 ? x : copyOf(x, DType.FP16);
        return multipliesHalf ? rounded : widened(rounded);
    }

    /** Stores what is computed in FP32, in a scope of its own. */
    private Tensor stored(DType type, int[] shape, Supplier<Tensor> computed) {
        Tensor result = memory.allocate(type, shape);
        try (Scope _ = openScope()) {
            wide.copy(result, computed.get());
        }
        return result;
    }

    private Tensor stored(int[] shape, Supplier<Tensor> computed) {
        return stored(DType.FP16, shape, computed);
    }

    /** Stores the gradient of an input, in the input's type. */
    private Tensor storedLike(Tensor input, Supplier<Tensor> computed) {
        return stored(input.dtype(), input.shape(), computed);
    }

    @Override
    public String name() {
        return wide.name();
    }

    @Override
    public DType dtype() {
        return DType.FP32;
    }

    @Override
    public DType workingType() {
        return DType.FP16;
    }

    @Override
    public Scope openScope() {
        return memory.openScope();
    }

    @Override
    public Tensor zeros(DType type, int... shape) {
        if (type != DType.FP16) {
            return wide.zeros(type, shape);
        }
        Tensor tensor = half(shape);
        zero(tensor);
        return tensor;
    }

    @Override
    public Tensor of(MemorySegment values, int... shape) {
        return wide.of(values, shape);
    }

    @Override
    public Tensor view(Tensor tensor, long offset, int... shape) {
        return wide.view(tensor, offset, shape);
    }

    @Override
    public void finish() {
        wide.finish();
    }

    @Override
    public void read(Tensor from, long offset, MemorySegment to) {
        wide.read(from, offset, to);
    }

    @Override
    public void write(Tensor to, long offset, MemorySegment from) {
        wide.write(to, offset, from);
    }

    @Override
    public void zero(Tensor tensor) {
        wide.zero(tensor);
    }

    @Override
    public void copy(Tensor into, Tensor from) {
        wide.copy(into, from);
    }

    @Override
    public void add(Tensor into, Tensor term) {
        try (Scope _ = openScope()) {
            Tensor sum = widened(into);
            wide.add(sum, widened(term));
            if (sum != into) {
                wide.copy(into, sum);
            }
        }
    }

    @Override
    public void sumOfSquares(Tensor vector, int block, double[] sums) {
        wide.sumOfSquares(vector, block, sums);
    }

    @Override
    public void adamw(
            Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor working, AdamWStep step) {
        wide.adamw(param, grad, firstMoment, secondMoment, working, step);
    }

    @Override
    public void ema(Tensor average, Tensor param, double decay) {
        wide.ema(average, param, decay);
    }

    @Override
    public Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return stored(new int[] {xRI.dim(0), weightOI.dim(0)}, () -> product(xRI, weightOI, biasO));
    }

    @Override
    public Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        return storedLike(residualRO, () -> {
            Tensor sum = product(xRI, weightOI, biasO);
            wide.add(sum, widened(residualRO));
            return sum;
        });
    }

    private Tensor product(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return wide.linear(operand(xRI), operand(weightOI), widened(biasO));
    }

    @Override
    public Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        return stored(
                new int[] {dyRO.dim(0), weightOI.dim(1)},
                () -> wide.linearBackwardInput(operand(dyRO), operand(weightOI)));
    }

    @Override
    public void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        try (Scope _ = openScope()) {
            layers.linearBackwardWeight(operand(dyRO), operand(xRI), dWeight);
            layers.linearBackwardBias(widened(dyRO), dBias);
        }
    }

    @Override
    public Tensor gelu(Tensor x) {
        return stored(x.shape(), () -> wide.gelu(widened(x)));
    }

    @Override
    public Tensor geluBackward(Tensor dy, Tensor x) {
        return storedLike(x, () -> wide.geluBackward(widened(dy), widened(x)));
    }

    @Override
    public Tensor silu(Tensor x) {
        return stored(x.shape(), () -> wide.silu(widened(x)));
    }

    @Override
    public Tensor siluBackward(Tensor dy, Tensor x) {
        return storedLike(x, () -> wide.siluBackward(widened(dy), widened(x)));
    }

    @Override
    public Tensor rmsNorm(Tensor xRD, Tensor weightD) {
        return stored(xRD.shape(), () -> wide.rmsNorm(widened(xRD), widened(weightD)));
    }

    @Override
    public Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight) {
        return storedLike(xRD, () -> wide.rmsNormBackward(widened(dyRD), widened(xRD), widened(weightD), dWeight));
    }

    @Override
    public Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments) {
        return stored(
                xLD.shape(), () -> wide.modulatedLayerNorm(widened(xLD), widened(shiftSD), widened(scaleSD), segments));
    }

    @Override
    public Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale) {
        return storedLike(
                xLD,
                () -> wide.modulatedLayerNormBackward(
                        widened(dyLD), widened(xLD), widened(scaleSD), segments, dShift, dScale));
    }

    @Override
    public Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments) {
        return storedLike(xLD, () -> wide.gatedResidual(widened(xLD), widened(yLD), widened(gateSD), segments));
    }

    @Override
    public Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate) {
        return storedLike(
                yLD, () -> wide.gatedResidualBackward(widened(dOutLD), widened(yLD), widened(gateSD), segments, dGate));
    }

    @Override
    public Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return stored(xLNK.shape(), () -> wide.rope(widened(xLNK), widened(cosLP), widened(sinLP)));
    }

    @Override
    public Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return stored(dyLNK.shape(), () -> wide.ropeBackward(widened(dyLNK), widened(cosLP), widened(sinLP)));
    }

    @Override
    public Qkv heads(Tensor qkvL3D, HeadRotation by) {
        int width = by.queryNormK().dim(0);
        int[] shape = {qkvL3D.dim(0), qkvL3D.dim(1) / (3 * width), width};
        Qkv heads = new Qkv(half(shape), half(shape), half(shape));
        try (Scope _ = openScope()) {
            Qkv computed = wide.heads(widened(qkvL3D), widened(by));
            wide.copy(heads.qLNK(), computed.qLNK());
            wide.copy(heads.kLNK(), computed.kLNK());
            wide.copy(heads.vLNK(), computed.vLNK());
        }
        return heads;
    }

    @Override
    public Tensor headsBackward(
            AttentionGrad grad, Tensor qkvL3D, HeadRotation by, Tensor dQueryNorm, Tensor dKeyNorm) {
        return storedLike(qkvL3D, () -> {
            AttentionGrad exact =
                    new AttentionGrad(widened(grad.dqLNK()), widened(grad.dkLNK()), widened(grad.dvLNK()));
            return wide.headsBackward(exact, widened(qkvL3D), widened(by), dQueryNorm, dKeyNorm);
        });
    }

    private HeadRotation widened(HeadRotation by) {
        return new HeadRotation(
                widened(by.queryNormK()), widened(by.keyNormK()), widened(by.cosLP()), widened(by.sinLP()));
    }

    @Override
    public Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments) {
        Attention attention = new Attention(half(qLNK.shape()), memory.allocate(qLNK.dim(0), qLNK.dim(1)));
        try (Scope _ = openScope()) {
            Attention computed =
                    wide.attention(widened(qLNK), widened(kLNK), widened(vLNK), querySegments, keySegments);
            wide.copy(attention.outLNK(), computed.outLNK());
            wide.copy(attention.logSumExpLN(), computed.logSumExpLN());
        }
        return attention;
    }

    @Override
    public AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments) {
        AttentionGrad grad = new AttentionGrad(
                memory.allocate(qkv.qLNK().dtype(), qkv.qLNK().shape()),
                memory.allocate(qkv.kLNK().dtype(), qkv.kLNK().shape()),
                memory.allocate(qkv.vLNK().dtype(), qkv.vLNK().shape()));
        try (Scope _ = openScope()) {
            AttentionGrad computed = wide.attentionBackward(
                    widened(dOutLNK),
                    new Qkv(widened(qkv.qLNK()), widened(qkv.kLNK()), widened(qkv.vLNK())),
                    new Attention(widened(forward.outLNK()), forward.logSumExpLN()),
                    querySegments,
                    keySegments);
            wide.copy(grad.dqLNK(), computed.dqLNK());
            wide.copy(grad.dkLNK(), computed.dkLNK());
            wide.copy(grad.dvLNK(), computed.dvLNK());
        }
        return grad;
    }

    @Override
    public Tensor embedding(Tensor tableVD, int[] ids) {
        return stored(DType.FP32, new int[] {ids.length, tableVD.dim(1)}, () -> wide.embedding(widened(tableVD), ids));
    }

    @Override
    public void embeddingBackward(Tensor dyLD, int[] ids, Tensor dTable) {
        try (Scope _ = openScope()) {
            wide.embeddingBackward(widened(dyLD), ids, dTable);
        }
    }

    @Override
    public Tensor segmentMean(Tensor xLD, Segments segments) {
        return stored(new int[] {segments.count(), xLD.dim(1)}, () -> wide.segmentMean(widened(xLD), segments));
    }

    @Override
    public Tensor segmentMeanBackward(Tensor dySD, Segments segments) {
        return stored(
                new int[] {segments.total(), dySD.dim(1)}, () -> wide.segmentMeanBackward(widened(dySD), segments));
    }

    @Override
    public Tensor[] split(Tensor xRD, int parts) {
        Tensor[] out = new Tensor[parts];
        for (int i = 0; i < parts; i++) {
            out[i] = half(xRD.dim(0), xRD.dim(1) / parts);
        }
        try (Scope _ = openScope()) {
            Tensor[] computed = wide.split(widened(xRD), parts);
            for (int i = 0; i < parts; i++) {
                wide.copy(out[i], computed[i]);
            }
        }
        return out;
    }

    @Override
    public Tensor concat(Tensor... parts) {
        int numColumns = 0;
        for (Tensor part : parts) {
            numColumns += part.dim(1);
        }
        return stored(new int[] {parts[0].dim(0), numColumns}, () -> {
            Tensor[] exact = new Tensor[parts.length];
            for (int i = 0; i < parts.length; i++) {
                exact[i] = widened(parts[i]);
            }
            return wide.concat(exact);
        });
    }

    @Override
    public Tensor mix(Tensor aLP, Tensor bLP, double[] weightA, double[] weightB, Segments segments) {
        return stored(DType.FP32, aLP.shape(), () -> wide.mix(widened(aLP), widened(bLP), weightA, weightB, segments));
    }

    @Override
    public SquaredError squaredError(Tensor predictionLP, Tensor targetLP, Segments segments, double scale) {
        Tensor dPrediction = memory.allocate(predictionLP.dtype(), predictionLP.shape());
        try (Scope _ = openScope()) {
            SquaredError computed = wide.squaredError(widened(predictionLP), widened(targetLP), segments, scale);
            wide.copy(dPrediction, computed.dPrediction());
            return new SquaredError(computed.sumS(), dPrediction);
        }
    }

    @Override
    public void close() {
        wide.close();
    }
}
