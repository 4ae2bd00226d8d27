package io.kinema.train.dist.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * What a process that keeps others waiting is doing: SIGQUIT makes a JVM print the stacks of all its threads into its
 * output. A process that is stopped cannot; then its state, which the kernel tells (proc(5), {@code /proc/PID/stat}),
 * is the answer.
 */
final class ThreadDump {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long POLL_MS = 50;

    /** HotSpot's line after the last thread. */
    private static final String LAST_LINE = "JNI global ref";

    private final Process process;
    private final RankLog log;
    private final char state;
    private final long fromBytes;
    private final long endNanos = System.nanoTime() + LIMIT_NANOS;

    private ThreadDump(Process process, RankLog log) throws IOException {
        this.process = process;
        this.log = log;
        state = stateOf(process.pid());
        fromBytes = log.bytes();
    }

    /**
     * Asks a process for its stacks.
     *
     * @param log where its output goes
     * @return what {@link #await} waits for
     */
    static ThreadDump request(Process process, RankLog log) throws IOException, InterruptedException {
        ThreadDump dump = new ThreadDump(process, log);
        if (!dump.isStopped()) {
            new ProcessBuilder("sh", "-c", "kill -QUIT " + process.pid())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        }
        return dump;
    }

    /** The stacks, or why there are none. */
    String await() throws IOException, InterruptedException {
        String who = "process " + process.pid() + " (state " + state + ")";
        if (isStopped()) {
            return who + " is stopped, by SIGSTOP or a debugger: it cannot print its threads\n";
        }
        String text = log.textFrom(fromBytes);
        while (!text.contains(LAST_LINE) && process.isAlive() && System.nanoTime() < endNanos) {
            Thread.sleep(POLL_MS);
            text = log.textFrom(fromBytes);
        }
        return text.isBlank() ? who + " did not print its threads\n" : who + "\n" + text.stripTrailing() + "\n";
    }

    private boolean isStopped() {
        return state == 'T' || state == 't';
    }

    /** R, S, D, T, …; ? where the system does not say. */
    private static char stateOf(long pid) throws IOException {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            // The program's name, in parentheses, may hold anything.
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (NoSuchFileException e) {
            return '?';
        }
    }
}
