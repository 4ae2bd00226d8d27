package io.kinema.data.video;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A child process with limits on time and memory. When the JVM ends in order, a shutdown hook kills the process. When
 * the JVM is killed, the process ends by itself as soon as it uses the broken pipe.
 */
final class LimitedProcess implements AutoCloseable {
    private static final int LAST_WORDS_BYTES = 4096;

    /** Arguments: the address space in KiB, then the program and its arguments. */
    private static final String LIMITED = "ulimit -v \"$0\" && exec \"$@\"";

    private final Process process;
    private final String name;
    private final Thread watch;
    private final Thread listen;
    private final Thread hook;
    private final long timeoutMs;
    private final StringBuilder stderr = new StringBuilder();
    private volatile boolean timedOut;
    private volatile boolean stopped;

    /**
     * Limits of a child process.
     *
     * @param timeoutMs wall-clock time, after which the process is killed
     * @param memoryKiB address space; a C library's allocations fail beyond it. The shell's {@code ulimit} sets it,
     *     because some systems lack {@code prlimit}. Linux ignores limits on resident memory
     */
    record Limits(long timeoutMs, long memoryKiB) {}

    private LimitedProcess(Process process, String name, long timeoutMs) {
        this.process = process;
        this.name = name;
        this.timeoutMs = timeoutMs;
        this.watch = Thread.ofPlatform().daemon().name(name + "-timeout").unstarted(this::killWhenLate);
        this.listen = Thread.ofPlatform().daemon().name(name + "-stderr").unstarted(this::collectStderr);
        this.hook = Thread.ofPlatform().name(name + "-shutdown").unstarted(() -> {
            stopped = true;
            kill();
        });
    }

    static LimitedProcess start(List<String> command, Map<String, String> environment, Limits limits)
            throws IOException {
        List<String> limited = new ArrayList<>(List.of("sh", "-c", LIMITED, Long.toString(limits.memoryKiB())));
        limited.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(limited);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String name = command.getFirst().substring(command.getFirst().lastIndexOf('/') + 1) + "-" + process.pid();
        LimitedProcess child = new LimitedProcess(process, name, limits.timeoutMs());
        try {
            Runtime.getRuntime().addShutdownHook(child.hook);
        } catch (IllegalStateException e) {
            child.kill();
            throw stoppedException(name, e);
        }
        child.watch.start();
        child.listen.start();
        return child;
    }

    InputStream stdout() {
        return process.getInputStream();
    }

    OutputStream stdin() {
        return process.getOutputStream();
    }

    /**
     * How the process ended.
     *
     * @param code exit code
     * @param timedOut whether it was killed for running too long
     * @param lastWords the end of its stderr
     */
    record Ending(int code, boolean timedOut, String lastWords) {
        boolean good() {
            return code == 0 && !timedOut;
        }
    }

    /**
     * Waits for the process to end.
     *
     * @throws InterruptedIOException if it was killed because the JVM ends, or this thread was interrupted
     */
    Ending await() throws IOException {
        try {
            int code = process.waitFor();
            watch.join();
            listen.join();
            if (stopped) {
                throw stoppedException(name, null);
            }
            synchronized (stderr) {
                return new Ending(code, timedOut, stderr.toString().strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw stoppedException(name, e);
        }
    }

    private static InterruptedIOException stoppedException(String name, Exception cause) {
        InterruptedIOException stopped = new InterruptedIOException(name + " was stopped because the program ends");
        stopped.initCause(cause);
        return stopped;
    }

    /**
     * Kills through the handle: the process' own method also closes its streams, which other threads may be reading.
     */
    private void kill() {
        process.toHandle().destroyForcibly();
    }

    private void killWhenLate() {
        try {
            if (!process.waitFor(timeoutMs, TimeUnit.MILLISECONDS)) {
                timedOut = true;
                kill();
            }
        } catch (InterruptedException e) {
            kill();
        }
    }

    private void collectStderr() {
        byte[] chunk = new byte[LAST_WORDS_BYTES];
        try (InputStream in = process.getErrorStream()) {
            for (int numRead = in.read(chunk); numRead >= 0; numRead = in.read(chunk)) {
                synchronized (stderr) {
                    stderr.append(new String(chunk, 0, numRead, StandardCharsets.UTF_8));
                    stderr.delete(0, Math.max(0, stderr.length() - LAST_WORDS_BYTES));
                }
            }
        } catch (IOException e) {
            if (process.isAlive()) {
                throw new UncheckedIOException("cannot read what " + name + " says", e);
            }
        }
    }

    /** Kills the process if it still runs. */
    @Override
    public void close() throws IOException {
        kill();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending, so there is no hook to remove.
            stopped = true;
        }
        process.getInputStream().close();
    }
}
