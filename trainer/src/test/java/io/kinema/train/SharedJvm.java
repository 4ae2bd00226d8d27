package io.kinema.train;

import io.kinema.data.command.CommandLine;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A JVM beside that of the tests which runs commands of launch scripts one after the other. Most commands take less
 * time than a JVM needs to start. Their output is theirs alone, as that of a process.
 */
final class SharedJvm implements AutoCloseable {
    private final Process process;
    private final DataOutputStream commands;
    private final DataInputStream results;

    /**
     * What became of a command.
     *
     * @param exitCode as of its process
     * @param output on stdout and stderr
     */
    record Result(int exitCode, String output) {
        /** The exit code must be as expected; the output is shown if it is not. */
        String expectExit(int code) {
            if (exitCode != code) {
                throw new AssertionError("exit code " + exitCode + ", expected " + code + ": " + output);
            }
            return output;
        }
    }

    private SharedJvm(Process process) {
        this.process = process;
        commands = new DataOutputStream(process.getOutputStream());
        results = new DataInputStream(process.getInputStream());
    }

    static SharedJvm start(Path workingFolder) throws IOException {
        Files.createDirectories(workingFolder);
        ProcessBuilder builder = new ProcessBuilder(LaunchedProgram.command(List.of(), SharedJvm.class))
                .directory(workingFolder.toFile())
                .redirectError(workingFolder.resolve("shared-jvm.txt").toFile());
        builder.environment()
                .put("XDG_CACHE_HOME", workingFolder.resolve("cache").toString());
        return new SharedJvm(builder.start());
    }

    /** Runs a class's {@code run(String...)}, which its {@code main} calls. */
    synchronized Result run(Class<?> program, String... args) throws IOException {
        commands.writeUTF(program.getName());
        commands.writeInt(args.length);
        for (String arg : args) {
            commands.writeUTF(arg);
        }
        commands.flush();
        int exitCode = results.readInt();
        byte[] output = new byte[results.readInt()];
        results.readFully(output);
        return new Result(exitCode, new String(output, StandardCharsets.UTF_8));
    }

    public static void main(String[] none) throws Exception {
        DataInputStream commands = new DataInputStream(System.in);
        DataOutputStream results = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        while (true) {
            Method program;
            try {
                program = Class.forName(commands.readUTF()).getDeclaredMethod("run", String[].class);
            } catch (EOFException allRun) {
                return;
            }
            program.setAccessible(true);
            String[] args = new String[commands.readInt()];
            for (int i = 0; i < args.length; i++) {
                args[i] = commands.readUTF();
            }
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
            System.setOut(stream);
            System.setErr(stream);
            results.writeInt(CommandLine.run(() -> call(program, args)));
            results.writeInt(output.size());
            output.writeTo(results);
            results.flush();
        }
    }

    private static int call(Method program, String[] args) throws Exception {
        try {
            return (int) program.invoke(null, (Object) args);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof Exception thrown ? thrown : e;
        }
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        commands.close();
        results.close();
    }
}
