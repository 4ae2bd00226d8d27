package io.kinema.data.command;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Another command of Kinema in a process of its own. The process ends when this process ends.
 *
 * @param name of the script in the folder {@code launch}
 * @param args its flags
 */
public record LaunchScript(String name, List<String> args) {
    /**
     * A short process ends before optimised code pays for its compilation; without this flag it takes twice as long.
     */
    private static final String QUICK_START = "-XX:TieredStopAtLevel=1";

    /** The longest time of a training to write its last checkpoint. */
    private static final int PATIENCE_SECONDS = 60;

    /** Keeps its own list. */
    public LaunchScript {
        args = List.copyOf(args);
    }

    /**
     * Runs the script. Its output goes to this process' output.
     *
     * @param isShort whether the script ends before HotSpot's second compiler pays
     * @throws ConfigException if the scripts cannot be found, or the script failed; its own output says why
     * @throws IOException if it cannot be started
     */
    public void run(boolean isShort) throws IOException {
        finish(start(isShort, ProcessBuilder.Redirect.INHERIT));
    }

    /**
     * Runs a short script and reads its stdout.
     *
     * @return lines
     * @throws ConfigException if the scripts cannot be found, or the script failed; its own output says why
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
     * Runs the script and appends its output to a file. A signal to end this process is passed on, and the script is
     * waited for.
     *
     * @param log the file
     * @param by words of a command that runs the script, such as {@code srun}; may be empty
     * @param variables environment variables beside those of this process
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
        String folder = System.getenv("KINEMA_SCRIPTS");
        if (folder == null) {
            throw new ConfigException(
                    "launch/" + name + " cannot be found, as KINEMA_SCRIPTS is not set; start by a script in launch");
        }
        List<String> command = new ArrayList<>(List.of(Path.of(folder, name).toString()));
        command.addAll(args);
        return command;
    }

    private Process start(boolean isShort, ProcessBuilder.Redirect output) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command())
                .redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(output);
        if (isShort) {
            // The user's own flags come last and win.
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

    /** Waits for the end of the script. A signal to end this process is passed on, and the script gets time to end. */
    private int waitFor(Process process, int patienceSeconds) throws IOException {
        Thread stop = new Thread(() -> stop(process, patienceSeconds), "launch-stop-" + name);
        try {
            Runtime.getRuntime().addShutdownHook(stop);
        } catch (IllegalStateException ending) {
            // This process is already ending; the exit code reports it.
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
            // The hook is already running, and will find that the script has ended.
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
