package io.kinema.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/**
 * What the machine's memory gives to so many threads that copy: the bound of the operations that hardly compute. The C
 * library's copy, as it writes past the caches, which the JVM's does not: that one reads what it overwrites, and is a
 * third slower.
 */
final class CopySpeed {
    /** Far more than the caches of any processor hold. */
    private static final long BYTES = 512L << 20;

    private static final int ROUNDS = 5;

    private final int threads;
    private final MethodHandle memcpy;
    private double bytesPerSecond;

    CopySpeed(int threads) {
        this.threads = threads;
        Linker linker = Linker.nativeLinker();
        memcpy = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("memcpy"),
                FunctionDescriptor.of(
                        ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    }

    /** Copies some times, each thread a part of its own; a faster round than any before replaces the best. */
    void measure() throws InterruptedException {
        try (Arena arena = Arena.ofShared();
                ExecutorService pool = Executors.newFixedThreadPool(
                        threads, Thread.ofPlatform().daemon().name("copy-", 0).factory())) {
            MemorySegment from = arena.allocate(BYTES, Long.BYTES).fill((byte) 1);
            MemorySegment to = arena.allocate(BYTES, Long.BYTES);
            long part = BYTES / threads;
            for (int round = 0; round < ROUNDS; round++) {
                long start = System.nanoTime();
                for (Future<?> copied : IntStream.range(0, threads)
                        .mapToObj(i ->
                                pool.submit(() -> copy(to.asSlice(i * part, part), from.asSlice(i * part, part))))
                        .toList()) {
                    join(copied);
                }
                bytesPerSecond = Math.max(bytesPerSecond, 2e9 * part * threads / (System.nanoTime() - start));
            }
        }
    }

    private void copy(MemorySegment to, MemorySegment from) {
        try {
            MemorySegment _ = (MemorySegment) memcpy.invokeExact(to, from, to.byteSize());
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static void join(Future<?> copied) throws InterruptedException {
        try {
            copied.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    /** The best of all rounds so far, bytes read and bytes written counted; 0 before the first. */
    double bytesPerSecond() {
        return bytesPerSecond;
    }
}
