package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Footprint;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.ImmediateDevice;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * The device {@code cpu}: products by oneDNN, one thread to a tile, and everything between them in loops over the
 * Vector API. Its results do not depend on the number of threads; they may depend on the kind of processor.
 *
 * <p>With the working type BF16, activations and working weights are stored in 16 bits; sums, norms, softmax, loss,
 * gradients of parameters and the residual stream are FP32 (as in Micikevicius et al., 1710.03740, with the range of
 * FP32, so that no loss scaling is needed). Products are made of BF16 values, by the processor's own instructions where
 * it has them, else widened.
 */
public final class CpuDevice implements MeteredDevice, ImmediateDevice {
    static final String NAME = "cpu";

    private final DType workingType;
    private final Memory memory;
    private final Workers workers;
    private final Updates updates;
    private final Linears linears;
    private final LinearGradients linearGradients;
    private final Activations activations;
    private final Norms norms;
    private final Heads heads;
    private final BySegment bySegment;
    private final Columns columns;
    private final FlashAttention attention;
    private final FlashAttentionBackward attentionBackward;

    private CpuDevice(DType workingType, int threads, boolean planning) {
        if (workingType != DType.FP32 && workingType != DType.BF16) {
            throw new IllegalArgumentException("the cpu device computes in FP32 and BF16, not " + workingType);
        }
        this.workingType = workingType;
        memory = new Memory(planning);
        workers = new Workers(threads, planning);
        Matmuls matmuls = new Matmuls(memory, threads, workingType);
        updates = new Updates(memory, workers);
        linears = new Linears(memory, workers, matmuls, workingType);
        linearGradients = new LinearGradients(memory, workers, matmuls);
        activations = new Activations(memory, workers, workingType);
        norms = new Norms(memory, workers, workingType);
        heads = new Heads(memory, workers, workingType);
        bySegment = new BySegment(memory, workers, workingType);
        columns = new Columns(memory, workers, workingType);
        attention = new FlashAttention(memory, workers, matmuls, workingType);
        attentionBackward = new FlashAttentionBackward(memory, workers, matmuls, workingType);
    }

    /**
     * Opens the device.
     *
     * @param workingType FP32, or BF16 for mixed precision
     * @param threads how many compute, the calling one among them
     * @return a device without tensors; close it to free all that it will hold and end its threads
     * @throws io.kinema.data.command.ConfigException where oneDNN has no build for this platform
     */
    public static CpuDevice open(DType workingType, int threads) {
        return new CpuDevice(workingType, threads, false);
    }

    /**
     * Opens a device that allocates like another but has no memory and computes nothing, to learn from
     * {@link #footprint()} what a piece of work would take. What is read from it is undefined.
     *
     * @param workingType as for {@link #open}
     * @param threads as for {@link #open}
     * @return the device
     */
    public static CpuDevice planning(DType workingType, int threads) {
        return new CpuDevice(workingType, threads, true);
    }

    @Override
    public Footprint footprint() {
        long tensorBytes = memory.tensorBytes();
        return new Footprint(tensorBytes, memory.lastingBytes() - tensorBytes, memory.workspacePeakBytes());
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public DType dtype() {
        return DType.FP32;
    }

    @Override
    public DType workingType() {
        return workingType;
    }

    @Override
    public Scope openScope() {
        return memory.openScope();
    }

    @Override
    public Tensor zeros(DType type, int... shape) {
        return zeroed(memory.allocate(known(type), shape.clone()));
    }

    @Override
    public Tensor zeros(DType type, long size) {
        return zeroed(memory.allocate(known(type), size));
    }

    private DType known(DType type) {
        if (type != DType.FP32 && type != workingType) {
            throw new IllegalArgumentException("this device's tensors are FP32 or " + workingType + ", not " + type);
        }
        return type;
    }

    /** What lasts is zero already. */
    private Tensor zeroed(CpuTensor tensor) {
        if (!tensor.lifetime().lasting) {
            updates.zero(tensor);
        }
        return tensor;
    }

    @Override
    public Tensor of(MemorySegment values, int... shape) {
        Shapes.requireFilled(values, shape);
        CpuTensor tensor = memory.allocate(DType.FP32, shape.clone());
        write(tensor, 0, values);
        return tensor;
    }

    @Override
    public Tensor view(Tensor tensor, long offset, int... shape) {
        return memory.inside(tensor).part(offset, shape.clone());
    }

    @Override
    public Tensor view(Tensor tensor, long offset, long size) {
        return memory.inside(tensor).part(offset, size);
    }

    @Override
    public void read(Tensor from, long offset, MemorySegment to) {
        CpuTensor tensor = memory.inside(from);
        Shapes.requireInside(tensor, offset, to);
        if (!memory.isPlanning()) {
            MemorySegment.copy(Vectors.ALL, tensor.address(offset), to, 0, to.byteSize());
        }
    }

    @Override
    public void write(Tensor to, long offset, MemorySegment from) {
        CpuTensor tensor = memory.inside(to).changed();
        Shapes.requireInside(tensor, offset, from);
        if (!memory.isPlanning()) {
            MemorySegment.copy(from, 0, Vectors.ALL, tensor.address(offset), from.byteSize());
        }
    }

    @Override
    public void zero(Tensor tensor) {
        updates.zero(tensor);
    }

    @Override
    public void copy(Tensor into, Tensor from) {
        updates.copy(into, from);
    }

    @Override
    public void add(Tensor into, Tensor term) {
        updates.add(into, term);
    }

    @Override
    public void sumOfSquares(Tensor vector, int block, Scalars sums, int first) {
        updates.sumOfSquares(vector, block, sums, first);
    }

    @Override
    public void adamw(
            Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor working, AdamWStep step) {
        updates.adamw(param, grad, firstMoment, secondMoment, working, step);
    }

    @Override
    public void ema(Tensor average, Tensor param, double decay) {
        updates.ema(average, param, decay);
    }

    @Override
    public Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return linears.linear(xRI, weightOI, biasO);
    }

    @Override
    public Activated linearGelu(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return linears.linearGelu(xRI, weightOI, biasO);
    }

    @Override
    public Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        return linears.linearResidual(xRI, weightOI, biasO, residualRO);
    }

    @Override
    public Gated linearGatedResidual(
            Tensor xLI, Tensor weightDI, Tensor biasD, Tensor residualLD, Tensor gateSD, Segments segments) {
        return linears.linearGatedResidual(xLI, weightDI, biasD, residualLD, gateSD, segments);
    }

    @Override
    public Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        return linears.linearBackwardInput(dyRO, weightOI);
    }

    @Override
    public Tensor linearBackwardInputGelu(Tensor dyRO, Tensor weightOI, Tensor innerRI) {
        return linears.linearBackwardInputGelu(dyRO, weightOI, innerRI);
    }

    @Override
    public void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        linearGradients.linearBackwardParameters(dyRO, xRI, dWeight, dBias);
    }

    @Override
    public Tensor gelu(Tensor x) {
        return activations.gelu(x);
    }

    @Override
    public Tensor geluBackward(Tensor dy, Tensor x) {
        return activations.geluBackward(dy, x);
    }

    @Override
    public Tensor silu(Tensor x) {
        return activations.silu(x);
    }

    @Override
    public Tensor siluBackward(Tensor dy, Tensor x) {
        return activations.siluBackward(dy, x);
    }

    @Override
    public Tensor rmsNorm(Tensor xRD, Tensor weightD) {
        return norms.rmsNorm(xRD, weightD);
    }

    @Override
    public Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight) {
        return norms.rmsNormBackward(dyRD, xRD, weightD, dWeight);
    }

    @Override
    public Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments) {
        return norms.modulatedLayerNorm(xLD, shiftSD, scaleSD, segments);
    }

    @Override
    public Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale) {
        return norms.modulatedLayerNormBackward(dyLD, xLD, scaleSD, segments, dShift, dScale);
    }

    @Override
    public Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments) {
        return bySegment.gatedResidual(xLD, yLD, gateSD, segments);
    }

    @Override
    public Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate) {
        return bySegment.gatedResidualBackward(dOutLD, yLD, gateSD, segments, dGate);
    }

    @Override
    public Qkv heads(Tensor qkvL3D, HeadRotation by) {
        return heads.heads(qkvL3D, by);
    }

    @Override
    public Tensor headsBackward(
            AttentionGrad grad, Tensor qkvL3D, HeadRotation by, Tensor dQueryNorm, Tensor dKeyNorm) {
        return heads.headsBackward(grad, qkvL3D, by, dQueryNorm, dKeyNorm);
    }

    @Override
    public Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return heads.rope(xLNK, cosLP, sinLP);
    }

    @Override
    public Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return heads.ropeBackward(dyLNK, cosLP, sinLP);
    }

    @Override
    public Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments) {
        return attention.attention(qLNK, kLNK, vLNK, querySegments, keySegments);
    }

    @Override
    public AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments) {
        return attentionBackward.attentionBackward(dOutLNK, qkv, forward, querySegments, keySegments);
    }

    @Override
    public Tensor embedding(Tensor tableVD, RowIds ids) {
        return columns.embedding(tableVD, ids);
    }

    @Override
    public void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable) {
        columns.embeddingBackward(dyLD, ids, dTable);
    }

    @Override
    public Tensor segmentMean(Tensor xLD, Segments segments) {
        return bySegment.segmentMean(xLD, segments);
    }

    @Override
    public Tensor segmentMeanBackward(Tensor dySD, Segments segments) {
        return bySegment.segmentMeanBackward(dySD, segments);
    }

    @Override
    public Tensor[] split(Tensor xRD, int parts) {
        return columns.split(xRD, parts);
    }

    @Override
    public Tensor concat(Tensor... parts) {
        return columns.concat(parts);
    }

    @Override
    public Tensor mix(Tensor aLP, Tensor bLP, SegmentWeights weightA, SegmentWeights weightB, Segments segments) {
        return bySegment.mix(aLP, bLP, weightA, weightB, segments);
    }

    @Override
    public SquaredError squaredError(
            Tensor predictionLP, Tensor targetLP, Tensor weightL, Segments segments, double scale) {
        return bySegment.squaredError(predictionLP, targetLP, weightL, segments, scale, scalars(segments.count()));
    }

    @Override
    public void close() {
        workers.close();
        memory.close();
    }
}
