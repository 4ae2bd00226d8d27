package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Vectors.LANES;
import static io.kinema.train.tensor.cpu.Vectors.load;
import static io.kinema.train.tensor.cpu.Vectors.store;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.HostScalars;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/**
 * What is done to flat vectors of parameters, gradients and moments, in one pass over memory each. An element's result
 * depends neither on its place nor on how the vector was cut.
 */
final class Updates {
    private final Memory memory;
    private final Workers workers;
    private final Pieces pieces;

    Updates(Memory memory, Workers workers) {
        this.memory = memory;
        this.workers = workers;
        pieces = new Pieces(workers);
    }

    /** The scalars of an AdamW update as the vectors need them; of parameters of equal attributes. */
    private record Factors(
            float gradScale,
            float keep1,
            float weight1,
            float keep2,
            float weight2,
            float inverseCorrection2,
            float epsilon,
            float rate,
            float decay) {
        static Factors of(AdamWStep step, ParameterAttributes attributes) {
            double learningRate = step.learningRate(attributes);
            double correction1 = 1 - Math.pow(step.beta1(), step.count());
            double correction2 = 1 - Math.pow(step.beta2(), step.count());
            return new Factors(
                    (float) step.gradScale(),
                    (float) step.beta1(),
                    (float) (1 - step.beta1()),
                    (float) step.beta2(),
                    (float) (1 - step.beta2()),
                    (float) (1 / correction2),
                    (float) step.epsilon(),
                    (float) (learningRate / correction1),
                    (float) (1 - learningRate * step.weightDecay(attributes)));
        }

        /** Of each stretch; stretches of equal attributes share theirs. */
        static Factors[] ofStretches(AdamWStep step) {
            List<Stretch> stretches = step.stretches();
            Factors[] each = new Factors[stretches.size()];
            for (int i = 0; i < each.length; i++) {
                ParameterAttributes attributes = stretches.get(i).attributes();
                for (int j = 0; j < i && each[i] == null; j++) {
                    each[i] = stretches.get(j).attributes().equals(attributes) ? each[j] : null;
                }
                if (each[i] == null) {
                    each[i] = of(step, attributes);
                }
            }
            return each;
        }
    }

    /** An AdamW update of a vector, by the parts in which a piece meets its stretches. */
    private record AdamW(
            CpuTensor p,
            CpuTensor grad,
            CpuTensor m,
            CpuTensor v,
            CpuTensor working,
            List<Stretch> stretches,
            Factors[] factors,
            Scratch scratch)
            implements Pieces.Piece {
        @Override
        public void run(long first, int n, int worker) {
            long end = first + n;
            long from = first;
            for (int i = stretchAt(first); from < end; i++) {
                Stretch stretch = stretches.get(i);
                long to = Math.min(end, stretch.end());
                if (stretch.attributes().isTrainable()) {
                    part(from, (int) (to - from), worker, factors[i]);
                }
                from = to;
            }
        }

        /** The index of the stretch that an element is in. */
        private int stretchAt(long element) {
            int low = 0;
            int high = stretches.size() - 1;
            while (low < high) {
                int middle = (low + high + 1) / 2;
                if (stretches.get(middle).offset() <= element) {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            return low;
        }

        private void part(long first, int n, int worker, Factors by) {
            long gradRow = RowKernels.floats(grad, first, scratch.row(worker, 0), n);
            if (n % LANES == 0) {
                adamw(p.address(first), gradRow, m.address(first), v.address(first), n, by);
            } else {
                long pRow = RowKernels.floats(p, first, scratch.row(worker, 1), n);
                long mRow = RowKernels.floats(m, first, scratch.row(worker, 2), n);
                long vRow = RowKernels.floats(v, first, scratch.row(worker, 3), n);
                adamw(pRow, gradRow, mRow, vRow, n, by);
                RowKernels.finish(p, first, pRow, n);
                RowKernels.finish(m, first, mRow, n);
                RowKernels.finish(v, first, vRow, n);
            }
            if (working.address() != p.address()) {
                // Still in the innermost cache.
                Vectors.copy(p.address(first), p.dtype(), working.address(first), working.dtype(), n);
            }
        }
    }

    void zero(Tensor tensor) {
        CpuTensor target = memory.inside(tensor).changed();
        pieces.run(
                target.size(),
                (first, n, _) -> Vectors.zero(
                        target.address(first), (long) n * target.dtype().bytes()));
    }

    void copy(Tensor into, Tensor from) {
        Shapes.requireSameSize("into", into, "from", from);
        CpuTensor target = memory.inside(into).changed();
        CpuTensor source = memory.inside(from);
        pieces.run(
                target.size(),
                (first, n, _) ->
                        Vectors.copy(source.address(first), source.dtype(), target.address(first), target.dtype(), n));
    }

    void add(Tensor into, Tensor term) {
        Shapes.requireSameSize("into", into, "term", term);
        CpuTensor sum = memory.inside(into).changed();
        CpuTensor other = memory.inside(term);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, Pieces.LENGTH)) {
            pieces.run(sum.size(), (first, n, worker) -> {
                long row = scratch.row(worker, 0);
                long a = RowKernels.floats(sum, first, row, n);
                RowKernels.add(a, RowKernels.floats(other, first, scratch.row(worker, 1), n), a, n);
                RowKernels.finish(sum, first, row, n);
            });
        }
    }

    void sumOfSquares(Tensor vectorAny, int block, Scalars sums, int firstSum) {
        int numBlocks = Shapes.requireBlocks(vectorAny, block, sums, firstSum);
        double[] into = HostScalars.values(sums);
        CpuTensor vector = memory.inside(vectorAny);
        int perTile = RowKernels.perTile(block);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 1, Pieces.LENGTH)) {
            workers.run((numBlocks + perTile - 1) / perTile, (tile, worker) -> {
                int end = Math.min(numBlocks, (tile + 1) * perTile);
                for (int i = tile * perTile; i < end; i++) {
                    into[firstSum + i] = sumOfSquares(vector, (long) i * block, block, scratch.row(worker, 0));
                }
            });
        }
    }

    private static double sumOfSquares(CpuTensor vector, long first, int length, long scratch) {
        double sum = 0;
        for (int i = 0; i < length; i += Pieces.LENGTH) {
            int n = Math.min(Pieces.LENGTH, length - i);
            sum += RowKernels.wideSumOfSquares(RowKernels.floats(vector, first + i, scratch, n), n);
        }
        return sum;
    }

    void adamw(
            Tensor param,
            Tensor gradient,
            Tensor firstMoment,
            Tensor secondMoment,
            Tensor workingCopy,
            AdamWStep step) {
        Shapes.requireSameSize("param", param, "grad", gradient);
        Shapes.requireSameSize("param", param, "firstMoment", firstMoment);
        Shapes.requireSameSize("param", param, "secondMoment", secondMoment);
        Shapes.requireSameSize("param", param, "working", workingCopy);
        CpuTensor p = RowKernels.requireFp32("param", memory.inside(param)).changed();
        CpuTensor grad = memory.inside(gradient);
        CpuTensor m = RowKernels.requireFp32("firstMoment", memory.inside(firstMoment))
                .changed();
        CpuTensor v = RowKernels.requireFp32("secondMoment", memory.inside(secondMoment))
                .changed();
        CpuTensor working = memory.inside(workingCopy).changed();
        Stretch.requireAll(step.stretches(), param);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 4, Pieces.LENGTH)) {
            AdamW update = new AdamW(p, grad, m, v, working, step.stretches(), Factors.ofStretches(step), scratch);
            pieces.run(p.size(), update);
        }
    }

    /**
     * {@code m = β1·m + (1 − β1)·g}, {@code v = β2·v + (1 − β2)·g²}, {@code p = (1 − η·λ)·p − η·m̂ / (√v̂ + ε)} with m̂
     * and v̂ corrected for their bias; of whole vectors, rows being filled up.
     */
    private static void adamw(long p, long grad, long m, long v, int n, Factors by) {
        for (int i = 0; i < n; i += LANES) {
            FloatVector g = load(grad + 4L * i).mul(by.gradScale);
            FloatVector mean = moved(load(m + 4L * i), by.keep1, g, by.weight1);
            FloatVector square = moved(load(v + 4L * i), by.keep2, g.mul(g), by.weight2);
            store(mean, m + 4L * i);
            store(square, v + 4L * i);
            store(stepped(load(p + 4L * i), mean, square, by), p + 4L * i);
        }
    }

    private static FloatVector moved(FloatVector average, float keep, FloatVector value, float weight) {
        return average.mul(keep).add(value.mul(weight));
    }

    private static FloatVector stepped(FloatVector p, FloatVector mean, FloatVector square, Factors by) {
        FloatVector denominator = square.mul(by.inverseCorrection2).sqrt().add(by.epsilon);
        return p.mul(by.decay).sub(mean.mul(by.rate).div(denominator));
    }

    void ema(Tensor averageAny, Tensor paramAny, double decay) {
        Shapes.requireSameSize("average", averageAny, "param", paramAny);
        CpuTensor average = memory.inside(averageAny).changed();
        CpuTensor param = memory.inside(paramAny);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, Pieces.LENGTH)) {
            pieces.run(average.size(), (first, n, worker) -> {
                long row = scratch.row(worker, 0);
                long mean = RowKernels.floats(average, first, row, n);
                long value = RowKernels.floats(param, first, scratch.row(worker, 1), n);
                RowKernels.mix(mean, (float) decay, value, (float) (1 - decay), mean, n);
                RowKernels.finish(average, first, row, n);
            });
        }
    }
}
