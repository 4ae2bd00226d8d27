package io.kinema.train.tensor.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A compiled operation of oneDNN, with arguments of its own for each worker, so that workers may run it at the same
 * time.
 */
final class Primitive {
    /** An argument in the library's list: its number, padding, and the memory. */
    private static final long ARGUMENT_BYTES = 16;

    private static final long MEMORY_AT = 8;

    private final long primitive;
    private final int numArguments;
    private final long[][] memories;
    private final long[] lists;

    /**
     * Compiles a plan.
     *
     * @param plan of the library
     * @param numbers of the arguments, as {@link #run} will be given them
     * @param descriptions of the arguments
     * @param memory where scratch memory comes from
     * @param numWorkers how many may run it
     */
    Primitive(long plan, int[] numbers, long[] descriptions, Memory memory, int numWorkers) {
        primitive = OneDnn.primitive(plan);
        numArguments = numbers.length + 1;
        memories = new long[numWorkers][numbers.length];
        lists = new long[numWorkers];
        long scratchpad = OneDnn.scratchpadOf(plan);
        long scratchpadBytes = OneDnn.bytesOf(scratchpad);
        for (int worker = 0; worker < numWorkers; worker++) {
            MemorySegment list = Arena.global().allocate(numArguments * ARGUMENT_BYTES, Long.BYTES);
            for (int i = 0; i < numbers.length; i++) {
                memories[worker][i] = OneDnn.memory(descriptions[i]);
                put(list, i, numbers[i], memories[worker][i]);
            }
            long scratch = OneDnn.memory(scratchpad);
            if (scratchpadBytes > 0) {
                OneDnn.point(scratch, memory.allocateLasting(scratchpadBytes));
            }
            put(list, numbers.length, OneDnn.ARG_SCRATCHPAD, scratch);
            lists[worker] = list.address();
        }
    }

    private static void put(MemorySegment list, int index, int number, long memory) {
        list.set(ValueLayout.JAVA_INT, index * ARGUMENT_BYTES, number);
        list.set(ValueLayout.JAVA_LONG, index * ARGUMENT_BYTES + MEMORY_AT, memory);
    }

    void run(int worker, long a, long b) {
        long[] of = memories[worker];
        OneDnn.point(of[0], a);
        OneDnn.point(of[1], b);
        OneDnn.execute(primitive, numArguments, lists[worker]);
    }

    void run(int worker, long a, long b, long c) {
        long[] of = memories[worker];
        OneDnn.point(of[2], c);
        run(worker, a, b);
    }

    void run(int worker, long a, long b, long c, long d) {
        long[] of = memories[worker];
        OneDnn.point(of[3], d);
        run(worker, a, b, c);
    }
}
