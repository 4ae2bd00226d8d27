package io.kinema.data.command;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Another command of Kinema's, run as a process of its own, with what it needs and nothing of what this one has. It
 * ends with this one.
 *
 * @param name of the script in the folder {@code launch}
 * @param args its flags
 */
public record LaunchScript(String name, List<String> args) {
    /**
     * So little work ends before fully optimised code pays for its compilation, which takes half the time otherwise.
     */
    private static final String QUICK_START = "-XX:TieredStopAtLevel=1";

    /** What writes a checkpoint before it ends may take. */
    private static final int PATIENCE_SECONDS = 60;

    /** Keeps its own list. */
    public LaunchScript {
        args = List.copyOf(args);
    }

    /**
     * Runs it, its output going where this one's goes.
     *
     * @param isShort whether it is over before HotSpot's second compiler pays
     * @throws ConfigException if the scripts cannot be found, or it failed; what went wrong it has said itself
     * @throws IOException if it cannot be started
     */
    public void run(boolean isShort) throws IOException {
        finish(start(isShort, ProcessBuilder.Redirect.INHERIT));
    }

    /**
     * Runs a short one and reads what it writes to stdout.
     *
     * @return lines
     * @throws ConfigException if the scripts cannot be found, or it failed; what went wrong it has said itself
     * @throws IOException if it cannot be started or read
     */
    public List<String> lines() throws IOException {
        Process process = start(true, ProcessBuilder.Redirect.PIPE);
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        finish(process);
        return lines;
    }

    /**
     * Runs it, what it says going to the end of a file. A signal to end this process is passed on and waited for.
     *
     * @param log the file
     * @param by words of a command that runs it, such as {@code srun}; may be none
     * @param variables beside those of this process
     * @return the exit code
     * @throws ConfigException if the scripts cannot be found
     * @throws IOException if it cannot be started
     */
    public int runInto(Path log, List<String> by, Map<String, String> variables) throws IOException {
        List<String> words = new ArrayList<>(by);
        words.addAll(command());
        ProcessBuilder builder = new ProcessBuilder(words)
                .redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .redirectErrorStream(true);
        builder.environment().putAll(variables);
        return waitFor(builder.start(), PATIENCE_SECONDS);
    }

    private List<String> command() {
        String home = System.getenv("KINEMA_HOME");
        if (home == null) {
            throw new ConfigException("launch/" + name
                    + " cannot be found, as KINEMA_HOME is not set; start by a script in" + " the folder launch");
        }
        List<String> command =
                new ArrayList<>(List.of(Path.of(home, "launch", name).toString()));
        command.addAll(args);
        return command;
    }

    private Process start(boolean isShort, ProcessBuilder.Redirect output) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command())
                .redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(output);
        if (isShort) {
            // What the user asks for comes last and may say otherwise.
            builder.environment().merge("KINEMA_JAVA_OPTS", QUICK_START, (given, quick) -> quick + " " + given);
        }
        return builder.start();
    }

    private void finish(Process process) throws IOException {
        int code = waitFor(process, 0);
        if (code != 0) {
            throw new ConfigException("exit code " + code + " of " + String.join(" ", command()) + "; see above");
        }
    }

    /** Waits for its end. When this process is told to end first, it is told too, and given some time to. */
    private int waitFor(Process process, int patienceSeconds) throws IOException {
        Thread stop = new Thread(() -> stop(process, patienceSeconds), "launch-stop-" + name);
        try {
            Runtime.getRuntime().addShutdownHook(stop);
        } catch (IllegalStateException ending) {
            // This process is ending already; whoever runs it learns so from the exit code.
            process.destroy();
        }
        int code;
        try {
            code = process.waitFor();
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while launch/" + name + " was running", e);
        }
        try {
            Runtime.getRuntime().removeShutdownHook(stop);
        } catch (IllegalStateException ending) {
            // The hook is running already and finds that it has ended.
            return code;
        }
        return code;
    }

    private static void stop(Process process, int patienceSeconds) {
        process.destroy();
        try {
            process.waitFor(patienceSeconds, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody knows this thread", e);
        }
    }
}
