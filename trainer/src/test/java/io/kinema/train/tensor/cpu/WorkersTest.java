package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WorkersTest {
    private static final int THREADS = 4;

    @Test
    void shouldDoEveryTileOnceRunAfterRun() {
        try (Workers workers = new Workers(THREADS, false)) {
            for (int run = 0; run < 20_000; run++) {
                AtomicIntegerArray times = new AtomicIntegerArray(run % 9);
                workers.run(times.length(), (tile, _) -> times.incrementAndGet(tile));
                for (int tile = 0; tile < times.length(); tile++) {
                    assertEquals(1, times.get(tile), "tile " + tile + " of run " + run);
                }
            }
        }
    }

    @Test
    void shouldWakeWorkersThatHaveGoneToSleep() throws InterruptedException {
        try (Workers workers = new Workers(THREADS, false)) {
            for (int run = 0; run < 20; run++) {
                Thread.sleep(5);
                AtomicIntegerArray times = new AtomicIntegerArray(100);
                workers.run(times.length(), (tile, _) -> times.incrementAndGet(tile));
                assertEquals(100, IntStream.range(0, 100).map(times::get).sum());
            }
        }
    }

    @Test
    void shouldThrowWhatATileThrowsAndGoOnAfterwards() {
        try (Workers workers = new Workers(THREADS, false)) {
            AtomicIntegerArray times = new AtomicIntegerArray(50);
            IllegalStateException thrown = assertThrows(
                    IllegalStateException.class,
                    () -> workers.run(times.length(), (tile, _) -> {
                        times.incrementAndGet(tile);
                        if (tile == 17) {
                            throw new IllegalStateException("tile 17");
                        }
                    }));
            assertEquals("tile 17", thrown.getMessage());
            assertEquals(50, IntStream.range(0, 50).map(times::get).sum());
            workers.run(times.length(), (tile, _) -> times.incrementAndGet(tile));
            assertEquals(100, IntStream.range(0, 50).map(times::get).sum());
        }
    }

    @Test
    void shouldEndItsThreadsWhenClosed() throws InterruptedException {
        List<Thread> before = threads();
        Workers workers = new Workers(THREADS, false);
        List<Thread> started =
                threads().stream().filter(thread -> !before.contains(thread)).toList();
        assertEquals(THREADS - 1, started.size());
        Thread.sleep(5);
        workers.close();
        started.forEach(thread -> assertFalse(thread.isAlive(), thread.getName()));
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("cpu-worker-"))
                .toList();
    }
}
