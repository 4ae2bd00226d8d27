package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Completion;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.ImmediateDevice;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * The device {@code nd4j} in mixed precision (Micikevicius et al., 1710.03740): activations and working weights are
 * stored in FP16, everything is computed in FP32 and rounded once at the end of an operation. The products of linear
 * layers take operands of FP16 and add in FP32.
 *
 * <p>Attention's products are FP32: for stacks of matrices nd4j-cuda has a kernel of its own that would add in FP16.
 */
final class Nd4jMixed implements ImmediateDevice {
    private final Nd4jMemory memory;
    private final Nd4jDevice wide;
    private final Nd4jLayers layers;
    private final HalfTensors halves;

    /**
     * @param memory of FP32
     * @param multipliesHalf whether the backend multiplies FP16 into FP32, as that of CUDA does; that of the CPU
     *     multiplies FP16 into FP16 only, adding in FP16, so there the same values are multiplied in FP32
     */
    Nd4jMixed(Nd4jMemory memory, boolean multipliesHalf) {
        this.memory = memory;
        this.wide = new Nd4jDevice(memory);
        this.layers = new Nd4jLayers(memory);
        this.halves = new HalfTensors(memory, wide, multipliesHalf);
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
        Tensor tensor = halves.half(shape);
        zero(tensor);
        return tensor;
    }

    @Override
    public Tensor zeros(DType type, long size) {
        return zeros(type, Nd4jTensor.vector(size));
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
    public Tensor view(Tensor tensor, long offset, long size) {
        return wide.view(tensor, offset, size);
    }

    @Override
    public Completion completion(Tensor... tensors) {
        return wide.completion(tensors);
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
            Tensor sum = halves.widened(into);
            wide.add(sum, halves.widened(term));
            if (sum != into) {
                wide.copy(into, sum);
            }
        }
    }

    @Override
    public void sumOfSquares(Tensor vector, int block, Scalars sums, int first) {
        wide.sumOfSquares(vector, block, sums, first);
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
        return halves.stored(new int[] {xRI.dim(0), weightOI.dim(0)}, () -> product(xRI, weightOI, biasO));
    }

    @Override
    public Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        return halves.storedLike(residualRO, () -> {
            Tensor sum = product(xRI, weightOI, biasO);
            wide.add(sum, halves.widened(residualRO));
            return sum;
        });
    }

    private Tensor product(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return wide.linear(halves.operand(xRI), halves.operand(weightOI), halves.widened(biasO));
    }

    @Override
    public Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        return halves.stored(
                new int[] {dyRO.dim(0), weightOI.dim(1)},
                () -> wide.linearBackwardInput(halves.operand(dyRO), halves.operand(weightOI)));
    }

    @Override
    public void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        try (Scope _ = openScope()) {
            layers.linearBackwardWeight(halves.operand(dyRO), halves.operand(xRI), dWeight);
            layers.linearBackwardBias(halves.widened(dyRO), dBias);
        }
    }

    @Override
    public Tensor gelu(Tensor x) {
        return halves.stored(x.shape(), () -> wide.gelu(halves.widened(x)));
    }

    @Override
    public Tensor geluBackward(Tensor dy, Tensor x) {
        return halves.storedLike(x, () -> wide.geluBackward(halves.widened(dy), halves.widened(x)));
    }

    @Override
    public Tensor silu(Tensor x) {
        return halves.stored(x.shape(), () -> wide.silu(halves.widened(x)));
    }

    @Override
    public Tensor siluBackward(Tensor dy, Tensor x) {
        return halves.storedLike(x, () -> wide.siluBackward(halves.widened(dy), halves.widened(x)));
    }

    @Override
    public Tensor rmsNorm(Tensor xRD, Tensor weightD) {
        return halves.stored(xRD.shape(), () -> wide.rmsNorm(halves.widened(xRD), halves.widened(weightD)));
    }

    @Override
    public Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight) {
        return halves.storedLike(
                xRD,
                () -> wide.rmsNormBackward(
                        halves.widened(dyRD), halves.widened(xRD), halves.widened(weightD), dWeight));
    }

    @Override
    public Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments) {
        return halves.stored(
                xLD.shape(),
                () -> wide.modulatedLayerNorm(
                        halves.widened(xLD), halves.widened(shiftSD), halves.widened(scaleSD), segments));
    }

    @Override
    public Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale) {
        return halves.storedLike(
                xLD,
                () -> wide.modulatedLayerNormBackward(
                        halves.widened(dyLD), halves.widened(xLD), halves.widened(scaleSD), segments, dShift, dScale));
    }

    @Override
    public Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments) {
        return halves.storedLike(
                xLD,
                () -> wide.gatedResidual(halves.widened(xLD), halves.widened(yLD), halves.widened(gateSD), segments));
    }

    @Override
    public Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate) {
        return halves.storedLike(
                yLD,
                () -> wide.gatedResidualBackward(
                        halves.widened(dOutLD), halves.widened(yLD), halves.widened(gateSD), segments, dGate));
    }

    @Override
    public Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return halves.stored(
                xLNK.shape(), () -> wide.rope(halves.widened(xLNK), halves.widened(cosLP), halves.widened(sinLP)));
    }

    @Override
    public Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return halves.stored(
                dyLNK.shape(),
                () -> wide.ropeBackward(halves.widened(dyLNK), halves.widened(cosLP), halves.widened(sinLP)));
    }

    @Override
    public Qkv heads(Tensor qkvL3D, HeadRotation by) {
        int width = by.queryNormK().dim(0);
        int[] shape = {qkvL3D.dim(0), qkvL3D.dim(1) / (3 * width), width};
        Qkv heads = new Qkv(halves.half(shape), halves.half(shape), halves.half(shape));
        try (Scope _ = openScope()) {
            Qkv computed = wide.heads(halves.widened(qkvL3D), halves.widened(by));
            wide.copy(heads.qLNK(), computed.qLNK());
            wide.copy(heads.kLNK(), computed.kLNK());
            wide.copy(heads.vLNK(), computed.vLNK());
        }
        return heads;
    }

    @Override
    public Tensor headsBackward(
            AttentionGrad grad, Tensor qkvL3D, HeadRotation by, Tensor dQueryNorm, Tensor dKeyNorm) {
        return halves.storedLike(qkvL3D, () -> {
            AttentionGrad exact = new AttentionGrad(
                    halves.widened(grad.dqLNK()), halves.widened(grad.dkLNK()), halves.widened(grad.dvLNK()));
            return wide.headsBackward(exact, halves.widened(qkvL3D), halves.widened(by), dQueryNorm, dKeyNorm);
        });
    }

    @Override
    public Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments) {
        Attention attention = new Attention(halves.half(qLNK.shape()), memory.allocate(qLNK.dim(0), qLNK.dim(1)));
        try (Scope _ = openScope()) {
            Attention computed = wide.attention(
                    halves.widened(qLNK), halves.widened(kLNK), halves.widened(vLNK), querySegments, keySegments);
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
                    halves.widened(dOutLNK),
                    new Qkv(halves.widened(qkv.qLNK()), halves.widened(qkv.kLNK()), halves.widened(qkv.vLNK())),
                    new Attention(halves.widened(forward.outLNK()), forward.logSumExpLN()),
                    querySegments,
                    keySegments);
            wide.copy(grad.dqLNK(), computed.dqLNK());
            wide.copy(grad.dkLNK(), computed.dkLNK());
            wide.copy(grad.dvLNK(), computed.dvLNK());
        }
        return grad;
    }

    @Override
    public Tensor embedding(Tensor tableVD, RowIds ids) {
        return halves.stored(
                DType.FP32,
                new int[] {ids.count(), tableVD.dim(1)},
                () -> wide.embedding(halves.widened(tableVD), ids));
    }

    @Override
    public void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable) {
        try (Scope _ = openScope()) {
            wide.embeddingBackward(halves.widened(dyLD), ids, dTable);
        }
    }

    @Override
    public Tensor segmentMean(Tensor xLD, Segments segments) {
        return halves.stored(
                new int[] {segments.count(), xLD.dim(1)}, () -> wide.segmentMean(halves.widened(xLD), segments));
    }

    @Override
    public Tensor segmentMeanBackward(Tensor dySD, Segments segments) {
        return halves.stored(
                new int[] {segments.total(), dySD.dim(1)},
                () -> wide.segmentMeanBackward(halves.widened(dySD), segments));
    }

    @Override
    public Tensor[] split(Tensor xRD, int parts) {
        Tensor[] out = new Tensor[parts];
        for (int i = 0; i < parts; i++) {
            out[i] = halves.half(xRD.dim(0), xRD.dim(1) / parts);
        }
        try (Scope _ = openScope()) {
            Tensor[] computed = wide.split(halves.widened(xRD), parts);
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
        return halves.stored(new int[] {parts[0].dim(0), numColumns}, () -> {
            Tensor[] exact = new Tensor[parts.length];
            for (int i = 0; i < parts.length; i++) {
                exact[i] = halves.widened(parts[i]);
            }
            return wide.concat(exact);
        });
    }

    @Override
    public Tensor mix(Tensor aLP, Tensor bLP, SegmentWeights weightA, SegmentWeights weightB, Segments segments) {
        return halves.stored(
                DType.FP32,
                aLP.shape(),
                () -> wide.mix(halves.widened(aLP), halves.widened(bLP), weightA, weightB, segments));
    }

    @Override
    public SquaredError squaredError(
            Tensor predictionLP, Tensor targetLP, Tensor weightL, Segments segments, double scale) {
        Tensor dPrediction = memory.allocate(predictionLP.dtype(), predictionLP.shape());
        try (Scope _ = openScope()) {
            SquaredError computed =
                    wide.squaredError(halves.widened(predictionLP), halves.widened(targetLP), weightL, segments, scale);
            wide.copy(dPrediction, computed.dPrediction());
            return new SquaredError(computed.sumS(), dPrediction);
        }
    }

    @Override
    public void close() {
        wide.close();
    }
}
