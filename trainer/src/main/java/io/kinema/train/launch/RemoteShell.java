package io.kinema.train.launch;

import io.kinema.train.rank.RankEnvironment;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The program, ssh or srun, that runs a {@link Host} on another host. Its end is the host's. */
final class RemoteShell implements AutoCloseable {
    private static final int LAST_LINES = 6;
    private static final long END_SECONDS = 5;
    private static final long LAST_WORDS_MS = 500;

    /** What launch/env.sh sets for every program, and a host's shell does not. */
    private static final List<String> VARIABLES =
            List.of("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX", "XDG_CACHE_HOME", "LD_LIBRARY_PATH");

    private final ClusterHost host;
    private final Process process;
    private final Thread reader;
    private final Deque<String> lastLines = new ArrayDeque<>();

    private RemoteShell(ClusterHost host, Process process, Runnable onEnd) {
        this.host = host;
        this.process = process;
        reader =
                Thread.ofPlatform().daemon().name("launch-shell-" + host.name()).start(this::read);
        process.onExit().thenRun(onEnd);
    }

    /**
     * Starts the program.
     *
     * @param host where
     * @param index of the host
     * @param address host:port of the launcher
     * @param secret the line about it that a {@link Host} reads
     * @param onEnd is called, on a thread of its own, when it has ended
     */
    static RemoteShell start(ClusterHost host, int index, String address, String secret, Runnable onEnd)
            throws IOException {
        // A session of its own: Ctrl-C is for the launcher, which then tells the ranks.
        List<String> command = new ArrayList<>(List.of("setsid"));
        String script = script(index, address);
        switch (host.reach()) {
            case SSH ->
                command.addAll(List.of(
                        "ssh",
                        "-o",
                        "BatchMode=yes",
                        "-o",
                        "ConnectTimeout=10",
                        "-o",
                        "ServerAliveInterval=15",
                        "--",
                        host.name(),
                        script));
            case SRUN ->
                command.addAll(List.of(
                        "srun",
                        "--nodes=1",
                        "--ntasks=1",
                        "--ntasks-per-node=1",
                        "--nodelist=" + host.name(),
                        "--overlap",
                        "--cpu-bind=none",
                        "sh",
                        "-c",
                        script));
            case HERE, ITSELF -> throw new IllegalStateException(host + " is not started by a program");
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            // Not closed: its end would be the connection's.
            OutputStream in = process.getOutputStream();
            in.write((secret + "\n").getBytes(StandardCharsets.UTF_8));
            in.flush();
        } catch (IOException ended) {
            // It could not be reached; isAlive() and end() tell.
            return new RemoteShell(host, process, onEnd);
        }
        return new RemoteShell(host, process, onEnd);
    }

    /** For the other host's sh: this Java with this process's flags, after a look whether it is there. */
    private static String script(int index, String address) {
        String java = RankEnvironment.javaProgram();
        String classPath = System.getProperty("java.class.path");
        int colon = address.lastIndexOf(':');
        List<String> command = new ArrayList<>(List.of("exec", "env"));
        for (String name : VARIABLES) {
            Map<String, String> mine = System.getenv();
            if (mine.containsKey(name)) {
                command.add(quote(name + "=" + mine.get(name)));
            }
        }
        command.add(quote(java));
        for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            command.add(quote(flag));
        }
        command.addAll(List.of("-cp", quote(classPath), Host.class.getName()));
        command.addAll(List.of(address.substring(0, colon), address.substring(colon + 1), Integer.toString(index)));
        String first = classPath.split(":")[0];
        return "for f in " + quote(java) + " "
                + quote(Path.of(first).toAbsolutePath().toString())
                + "; do [ -e \"$f\" ] || { echo \"$f is not there; install Kinema and its JDK at the same paths"
                + " on every host\"; exit 2; };"
                + " done; " + String.join(" ", command);
    }

    private static String quote(String word) {
        return "'" + word.replace("'", "'\\''") + "'";
    }

    private void read() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (lastLines) {
                    lastLines.add(line.strip());
                    if (lastLines.size() > LAST_LINES) {
                        lastLines.remove();
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Whether it ends within a second; a host that is lost may have ended it. */
    boolean hasEnded() throws InterruptedException {
        return process.waitFor(1, TimeUnit.SECONDS);
    }

    /** How it ended, in a line. */
    String end() throws InterruptedException {
        // What ssh leaves in the background may hold its output open.
        reader.join(LAST_WORDS_MS);
        String program = host.reach() == ClusterHost.Reach.SSH ? "ssh" : "srun";
        String text;
        synchronized (lastLines) {
            text = lastLines.stream()
                    .filter(line -> !line.startsWith("WARNING: "))
                    .collect(Collectors.joining(" / "));
        }
        return program + " ended with code " + process.exitValue() + (text.isEmpty() ? "" : ": " + text);
    }

    /** Ends the program, if it has not ended by itself within seconds. */
    @Override
    public void close() throws IOException {
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroy();
            }
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.getOutputStream().close();
    }
}
