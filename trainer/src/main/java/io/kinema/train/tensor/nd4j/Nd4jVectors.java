package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.HostScalars;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What is done to flat vectors of parameters, gradients and moments.
 *
 * <p>Everything here is composed of additions, multiplications, divisions and square roots of single elements, each
 * rounded once as IEEE 754 says, so an element's result depends neither on its place nor on how the vector was cut.
 */
final class Nd4jVectors {
    /** Elements worked on at a time: bounds the temporaries and keeps them in cache. */
    private static final int PIECE = 1 << 17;

    private final Nd4jMemory memory;

    Nd4jVectors(Nd4jMemory memory) {
        this.memory = memory;
    }

    void zero(Tensor tensor) {
        memory.inside(tensor).rows().assign(0);
    }

    void add(Tensor into, Tensor term) {
        Shapes.requireSameSize("into", into, "term", term);
        INDArray sum = memory.inside(into).flat(0, into.size());
        Nd4jMath.add(sum, memory.inside(term).flat(0, into.size()), sum);
    }

    void sumOfSquares(Tensor vector, int block, Scalars sums, int firstSum) {
        int numBlocks = Shapes.requireBlocks(vector, block, sums, firstSum);
        double[] into = HostScalars.values(sums);
        Nd4jTensor all = memory.inside(vector);
        int blocksAtOnce = Math.max(1, PIECE / block);
        for (int first = 0; first < numBlocks; first += blocksAtOnce) {
            int count = Math.min(blocksAtOnce, numBlocks - first);
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                INDArray squares = scratch.squaredInDouble(all.flat((long) first * block, (long) count * block));
                double[] pieceSums = squares.reshape(count, block).sum(1).data().asDouble();
                System.arraycopy(pieceSums, 0, into, firstSum + first, count);
            }
        }
    }

    void copy(Tensor into, Tensor from) {
        Shapes.requireSameSize("into", into, "from", from);
        memory.inside(into)
                .rows()
                .assign(memory.inside(from)
                        .matrix(
                                memory.inside(into).rows().rows(),
                                memory.inside(into).rows().columns()));
    }

    void adamw(Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor working, AdamWStep step) {
        Shapes.requireSameSize("param", param, "grad", grad);
        Shapes.requireSameSize("param", param, "firstMoment", firstMoment);
        Shapes.requireSameSize("param", param, "secondMoment", secondMoment);
        Shapes.requireSameSize("param", param, "working", working);
        Stretch.requireAll(step.stretches(), param);
        for (Stretch stretch : step.stretches()) {
            ParameterAttributes attributes = stretch.attributes();
            for (long first = stretch.offset(); attributes.isTrainable() && first < stretch.end(); first += PIECE) {
                long count = Math.min(PIECE, stretch.end() - first);
                try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                    INDArray g = scratch.matrix(1, count);
                    Nd4jMath.multiply(memory.inside(grad).flat(first, count), step.gradScale(), g);
                    INDArray m = memory.inside(firstMoment).flat(first, count);
                    INDArray v = memory.inside(secondMoment).flat(first, count);
                    moveMoments(g, m, v, step, scratch);
                    INDArray p = memory.inside(param).flat(first, count);
                    moveParameters(p, m, v, step, attributes, scratch);
                    if (working != param) {
                        memory.inside(working).flat(first, count).assign(p);
                    }
                }
            }
        }
    }

    /** {@code m = β1·m + (1 − β1)·g} and {@code v = β2·v + (1 − β2)·g²}; g is used up. */
    private static void moveMoments(INDArray g, INDArray m, INDArray v, AdamWStep step, Nd4jMemory.Scratch scratch) {
        INDArray term = scratch.like(g);
        Nd4jMath.multiply(g, 1 - step.beta1(), term);
        Nd4jMath.multiply(m, step.beta1(), m);
        Nd4jMath.add(m, term, m);
        Nd4jMath.square(g, g);
        Nd4jMath.multiply(g, 1 - step.beta2(), g);
        Nd4jMath.multiply(v, step.beta2(), v);
        Nd4jMath.add(v, g, v);
    }

    /** {@code p = (1 − η·λ)·p}, then {@code p = p − η·m̂ / (√v̂ + ε)} with m̂ and v̂ corrected for their bias. */
    private static void moveParameters(
            INDArray p,
            INDArray m,
            INDArray v,
            AdamWStep step,
            ParameterAttributes attributes,
            Nd4jMemory.Scratch scratch) {
        double rate = step.learningRate(attributes);
        double firstCorrection = 1 - Math.pow(step.beta1(), step.count());
        double secondCorrection = 1 - Math.pow(step.beta2(), step.count());
        INDArray denominator = scratch.like(p);
        Nd4jMath.multiply(v, 1 / secondCorrection, denominator);
        Nd4jMath.squareRoot(denominator, denominator);
        Nd4jMath.add(denominator, step.epsilon(), denominator);
        INDArray change = scratch.like(p);
        Nd4jMath.multiply(m, rate / firstCorrection, change);
        Nd4jMath.divide(change, denominator, change);
        Nd4jMath.multiply(p, 1 - rate * step.weightDecay(attributes), p);
        Nd4jMath.subtract(p, change, p);
    }

    void ema(Tensor average, Tensor param, double decay) {
        Shapes.requireSameSize("average", average, "param", param);
        for (long first = 0; first < param.size(); first += PIECE) {
            long count = Math.min(PIECE, param.size() - first);
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                INDArray mean = memory.inside(average).flat(first, count);
                INDArray term = scratch.like(mean);
                Nd4jMath.multiply(memory.inside(param).flat(first, count), 1 - decay, term);
                Nd4jMath.multiply(mean, decay, mean);
                Nd4jMath.add(mean, term, mean);
            }
        }
    }
}
