package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Completion;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ImmediateDevice;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The device {@code nd4j}: every operation in plain ND4J calls, on whichever ND4J backend is on the classpath.
 *
 * <p>It is written to be right before it is fast, and is what every faster device is tested against: products go to
 * BLAS, all else is composed of elementwise kernels that round each element by itself. In {@link DType#FP64} it serves
 * to check gradients by finite differences.
 *
 * <p>The threads of BLAS and of ND4J are set by the environment before the JVM starts; results are the same from run to
 * run for the same setting of {@code OMP_NUM_THREADS} and {@code OPENBLAS_NUM_THREADS}. Kinema sets both to 1.
 */
public final class Nd4jDevice implements ImmediateDevice {
    static final String NAME = "nd4j";

    private final Nd4jMemory memory;
    private final Nd4jVectors vectors;
    private final Nd4jLayers layers;
    private final Nd4jNorms norms;
    private final Nd4jSegments bySegment;
    private final Nd4jAttention attention;
    private final Nd4jRope rope;

    /** Computes in the type of the memory, on tensors of that type. */
    Nd4jDevice(Nd4jMemory memory) {
        this.memory = memory;
        vectors = new Nd4jVectors(memory);
        layers = new Nd4jLayers(memory);
        norms = new Nd4jNorms(memory);
        bySegment = new Nd4jSegments(memory);
        attention = new Nd4jAttention(memory);
        rope = new Nd4jRope(memory);
    }

    /**
     * Opens the device.
     *
     * @param workingType the type of its tensors; with {@link DType#FP16} for mixed precision {@link Device#dtype()} is
     *     FP32
     * @return a device without tensors; close it to free all that it will hold
     * @throws io.kinema.data.command.ConfigException where ND4J's CUDA backend is on the classpath and cannot run on
     *     the cards at hand
     */
    public static Device open(DType workingType) {
        boolean onCuda = CudaDriver.isBackendPresent();
        if (onCuda) {
            List<CudaProperties> cards = CudaDriver.cards(CudaDriver.LIBRARY);
            CudaProperties.requireServed(cards);
            if (workingType == DType.FP16) {
                CudaProperties.requireHalfProducts(cards);
            }
        }
        return workingType == DType.FP16
                ? new Nd4jMixed(new Nd4jMemory(DType.FP32), onCuda)
                : new Nd4jDevice(new Nd4jMemory(workingType));
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public DType dtype() {
        return memory.dtype();
    }

    @Override
    public DType workingType() {
        return memory.dtype();
    }

    @Override
    public Scope openScope() {
        return memory.openScope();
    }

    @Override
    public Tensor zeros(DType type, int... shape) {
        if (type != dtype()) {
            throw new IllegalArgumentException("this device's tensors are " + dtype() + ", not " + type);
        }
        Tensor tensor = memory.allocate(shape);
        vectors.zero(tensor);
        return tensor;
    }

    @Override
    public Tensor zeros(DType type, long size) {
        return zeros(type, Nd4jTensor.vector(size));
    }

    @Override
    public Tensor of(MemorySegment values, int... shape) {
        return memory.of(values, shape);
    }

    @Override
    public Tensor view(Tensor tensor, long offset, int... shape) {
        return memory.inside(tensor).part(offset, shape.clone());
    }

    @Override
    public Tensor view(Tensor tensor, long offset, long size) {
        return view(tensor, offset, Nd4jTensor.vector(size));
    }

    @Override
    public Completion completion(Tensor... tensors) {
        Nd4j.getExecutioner().commit();
        return Completion.DONE;
    }

    @Override
    public void read(Tensor from, long offset, MemorySegment to) {
        memory.read(from, offset, to);
    }

    @Override
    public void write(Tensor to, long offset, MemorySegment from) {
        memory.write(to, offset, from);
    }

    @Override
    public void zero(Tensor tensor) {
        vectors.zero(tensor);
    }

    @Override
    public void copy(Tensor into, Tensor from) {
        vectors.copy(into, from);
    }

    @Override
    public void add(Tensor into, Tensor term) {
        vectors.add(into, term);
    }

    @Override
    public void sumOfSquares(Tensor vector, int block, Scalars sums, int first) {
        vectors.sumOfSquares(vector, block, sums, first);
    }

    @Override
    public void adamw(
            Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor working, AdamWStep step) {
        vectors.adamw(param, grad, firstMoment, secondMoment, working, step);
    }

    @Override
    public void ema(Tensor average, Tensor param, double decay) {
        vectors.ema(average, param, decay);
    }

    @Override
    public Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO) {
        return layers.linear(xRI, weightOI, biasO);
    }

    @Override
    public Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        return layers.linearBackwardInput(dyRO, weightOI);
    }

    @Override
    public void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        layers.linearBackwardWeight(dyRO, xRI, dWeight);
        layers.linearBackwardBias(dyRO, dBias);
    }

    @Override
    public Tensor gelu(Tensor x) {
        return layers.gelu(x);
    }

    @Override
    public Tensor geluBackward(Tensor dy, Tensor x) {
        return layers.geluBackward(dy, x);
    }

    @Override
    public Tensor silu(Tensor x) {
        return layers.silu(x);
    }

    @Override
    public Tensor siluBackward(Tensor dy, Tensor x) {
        return layers.siluBackward(dy, x);
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
    public Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return rope.rope(xLNK, cosLP, sinLP);
    }

    @Override
    public Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return rope.ropeBackward(dyLNK, cosLP, sinLP);
    }

    @Override
    public Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments) {
        return attention.attention(new Qkv(qLNK, kLNK, vLNK), querySegments, keySegments);
    }

    @Override
    public AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments) {
        return attention.attentionBackward(dOutLNK, qkv, forward, querySegments, keySegments);
    }

    @Override
    public Tensor embedding(Tensor tableVD, RowIds ids) {
        return layers.embedding(tableVD, ids);
    }

    @Override
    public void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable) {
        layers.embeddingBackward(dyLD, ids, dTable);
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
        return layers.split(xRD, parts);
    }

    @Override
    public Tensor concat(Tensor... parts) {
        return layers.concat(parts);
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
        memory.close();
    }
}
