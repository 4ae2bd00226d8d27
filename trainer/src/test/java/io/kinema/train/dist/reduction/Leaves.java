package io.kinema.train.dist.reduction;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** Random microbatch gradients, and what a single thread makes of them. */
public final class Leaves {
    private Leaves() {}

    /** The gradient of one leaf: magnitudes from 1e-6 to 1e6, so that every order of additions has other bits. */
    static float[] of(long seed, int leaf, int length) {
        SplittableRandom random = new SplittableRandom(seed * 1_000 + leaf);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) ((random.nextDouble() - 0.5) * Math.pow(10, random.nextInt(-6, 7)));
        }
        return values;
    }

    /** Ones, to be read only; tells where they were written each time. */
    public static CollectiveBuffer ones(int length, Consumer<MemorySegment> written) {
        return new CollectiveBuffer() {
            @Override
            public long numElements() {
                return length;
            }

            @Override
            public int elementBytes() {
                return Float.BYTES;
            }

            @Override
            public void read(long first, MemorySegment to) {
                for (long i = 0; i < to.byteSize(); i += Float.BYTES) {
                    to.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i, 1);
                }
                written.accept(to);
            }

            @Override
            public void write(long first, MemorySegment from) {
                throw new IllegalStateException("only read here");
            }
        };
    }

    /** The definition of the sum: recursive, over the whole tree. */
    public static float[] treeSum(long seed, int lo, int hi, int length) {
        if (hi - lo == 1) {
            return of(seed, lo, length);
        }
        int power = 1;
        while (2 * power < hi - lo) {
            power *= 2;
        }
        float[] left = treeSum(seed, lo, lo + power, length);
        float[] right = treeSum(seed, lo + power, hi, length);
        for (int i = 0; i < length; i++) {
            left[i] = left[i] + right[i];
        }
        return left;
    }

    /** A rank's partial sums, made as the trainer makes them. */
    public static List<CollectiveBuffer> partials(
            ReductionTree tree, LeafRange leaves, long seed, int length, Arena arena) {
        TreeSum<float[]> sum = new TreeSum<>(tree, leaves, Leaves::addInto, released -> released[0] = Float.NaN);
        for (int leaf = leaves.lo(); leaf < leaves.hi(); leaf++) {
            float[] values = of(seed, leaf, Math.max(1, length));
            sum.add(leaf, values);
        }
        List<CollectiveBuffer> segments = new ArrayList<>();
        for (float[] partial : sum.partials()) {
            segments.add(CollectiveBuffer.of(segment(partial, length, arena), Float.BYTES));
        }
        return segments;
    }

    static MemorySegment segment(float[] values, int length, Arena arena) {
        MemorySegment segment = arena.allocate((long) length * Float.BYTES, Float.BYTES);
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT, 0, length);
        return segment;
    }

    private static void addInto(float[] into, float[] term) {
        for (int i = 0; i < into.length; i++) {
            into[i] += term[i];
        }
    }
}
