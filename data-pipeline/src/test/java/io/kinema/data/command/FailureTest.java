package io.kinema.data.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FailureTest {
    @TempDir
    private Path folder;

    private static String line(Throwable thrown) {
        return new Failure(thrown).line();
    }

    @Test
    void shouldTellErrorsOfTheJvmInOneLineWithARemedy() {
        assertTrue(
                line(new OutOfMemoryError("Java heap space")).startsWith("out of memory (Java heap space; the Java"));
        assertTrue(line(new StackOverflowError()).contains("-Xss16m"));
        Throwable missing = new NoClassDefFoundError("Could not initialize class org.x.Y");
        missing.initCause(new UnsatisfiedLinkError("libgomp.so.1: cannot open shared object file"));
        assertTrue(
                line(missing).startsWith("a library cannot be loaded: java.lang.UnsatisfiedLinkError: libgomp.so.1"));
        assertTrue(line(new ExceptionInInitializerError(new IOException("no"))).contains("java.io.IOException: no"));
    }

    @Test
    void shouldTakeOffWhatOnlyCarriesAFailure() {
        Throwable mistake =
                new CompletionException(new UncheckedIOException("reading", new IOException("disk\n  is gone\n")));
        assertEquals("disk; is gone", line(mistake));
        assertTrue(new Failure(new CompletionException(new ConfigException("too few clips"))).isMistake());
        assertEquals("java.io.IOException", line(new IOException()));
    }

    @Test
    void shouldNameThePlaceOfABug() {
        String told = line(new IllegalStateException("a bug"));
        assertTrue(told.startsWith("internal error: java.lang.IllegalStateException: a bug at io.kinema.data"), told);
    }

    /** Errors too end a command with a line and a code, and traces go where a run keeps them. */
    @Test
    void shouldKeepTheTraceInTheFileAndOffTheScreen() throws IOException, InterruptedException {
        Path traces = folder.resolve("logs").resolve("traces.txt");
        PrintStream stderr = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            int code = CommandLine.run(
                    () -> {
                        Thread worker = Thread.ofPlatform().name("worker-7").start(() -> {
                            throw new IllegalStateException("in a thread");
                        });
                        worker.join();
                        throw new StackOverflowError();
                    },
                    traces);
            assertEquals(1, code);
        } finally {
            System.setErr(stderr);
        }
        List<String> lines = printed.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals(2, lines.size(), lines.toString());
        assertTrue(lines.getFirst().startsWith("error: thread worker-7 has ended: internal error: "), lines.getFirst());
        assertTrue(lines.getLast().startsWith("error: a thread's stack is too small"), lines.getLast());
        String kept = Files.readString(traces);
        assertTrue(kept.contains("IllegalStateException: in a thread\n\tat ") && kept.contains("StackOverflowError"));
        assertFalse(lines.toString().contains("\tat "));
    }
}
