package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A program in a process of its own, as the launch scripts start it. */
public final class LaunchedProgram implements AutoCloseable {
    /** Processes of tests live for seconds: they end before the second compiler's code pays. All have this flag. */
    private static final String SHORT_LIVED = "-XX:TieredStopAtLevel=1";

    /** For programs that need the second compiler's code. */
    public static final String OPTIMISED = "-XX:TieredStopAtLevel=4";

    private static final long LIMIT_SECONDS = 420;
    private static final long POLL_MS = 20;

    private final Process process;
    private final Path output;

    private LaunchedProgram(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    public static LaunchedProgram start(Class<?> program, Path workingFolder, String... args) throws IOException {
        return start(List.of(), program, workingFolder, args);
    }

    /** With JVM flags beside those of this JVM. */
    public static LaunchedProgram start(List<String> jvmFlags, Class<?> program, Path workingFolder, String... args)
            throws IOException {
        return start(jvmFlags, Map.of(), program, workingFolder, args);
    }

    /** With variables beside those of this process. */
    public static LaunchedProgram start(
            List<String> jvmFlags, Map<String, String> variables, Class<?> program, Path workingFolder, String... args)
            throws IOException {
        Files.createDirectories(workingFolder);
        Path output = Files.createTempFile(workingFolder, "output", ".txt");
        List<String> command = command(jvmFlags, program);
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(workingFolder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment()
                .put("XDG_CACHE_HOME", workingFolder.resolve("cache").toString());
        builder.environment().putAll(variables);
        return new LaunchedProgram(builder.start(), output);
    }

    /** What starts a program, with JVM flags beside those of this JVM; the program's own arguments come after it. */
    static List<String> command(List<String> jvmFlags, Class<?> program) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.add(SHORT_LIVED);
        // The last of two values is what counts.
        command.addAll(jvmFlags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
        return command;
    }

    public String output() throws IOException {
        return Files.readString(output);
    }

    /** Waits for a line that contains a text. */
    public void awaitOutput(String text) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!output().contains(text)) {
            if (!process.isAlive() || System.nanoTime() > end) {
                fail("\"" + text + "\" did not come: " + output());
            }
            Thread.sleep(POLL_MS);
        }
    }

    int exitCode() throws IOException, InterruptedException {
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            fail("did not end: " + output());
        }
        return process.exitValue();
    }

    /** The exit code must be as expected; the output is shown if it is not. */
    public String expectExit(int code) throws IOException, InterruptedException {
        int found = exitCode();
        assertTrue(found == code, "exit code " + found + ", expected " + code + ": " + output());
        return output();
    }

    void terminate() {
        process.destroy();
    }

    /** SIGKILLs the program itself. */
    void kill() {
        process.destroyForcibly();
    }

    /** SIGKILLs one rank. */
    void kill(int rank) throws IOException {
        for (ProcessHandle child : process.children().toList()) {
            if (environmentOf(child).contains("KINEMA_RANK=" + rank + "\0")) {
                child.destroyForcibly();
                return;
            }
        }
        fail("no rank " + rank + " is running");
    }

    /** All that it has started, and they. */
    List<ProcessHandle> descendants() {
        return process.descendants().toList();
    }

    List<ProcessHandle> ranks() {
        return process.children().toList();
    }

    private static String environmentOf(ProcessHandle child) throws IOException {
        try {
            byte[] bytes = Files.readAllBytes(Path.of("/proc", Long.toString(child.pid()), "environ"));
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            return "";
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
