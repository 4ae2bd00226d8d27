package io.kinema.data.command;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/**
 * How a failure is told: in one line on stderr. Stack traces are for those who look for them: in the file of traces of
 * a run, and on stderr where the environment variable {@value #TRACE} is 1.
 */
final class Failure {
    static final String TRACE = "KINEMA_TRACE";

    private static final int MOST_CHARACTERS = 1000;
    private static final long MEGABYTE = 1 << 20;

    private final Throwable cause;

    /** Of whatever was thrown; what only carries another failure from a thread or a stream is taken off. */
    Failure(Throwable thrown) {
        Throwable inner = thrown;
        while ((inner instanceof UncheckedIOException
                        || inner instanceof CompletionException
                        || inner instanceof ExecutionException)
                && inner.getCause() != null) {
            inner = inner.getCause();
        }
        this.cause = inner;
    }

    boolean isMistake() {
        return cause instanceof ConfigException;
    }

    /** What happened and what helps. */
    String line() {
        String text = switch (cause) {
            case ConfigException mistake -> mistake.getMessage();
            // The class belongs to the message: the message alone may be only a path.
            case FileSystemException e -> e.toString();
            case IOException e -> e.getMessage() == null ? e.toString() : e.getMessage();
            case OutOfMemoryError e ->
                "out of memory (" + e.getMessage() + "; the Java heap has up to "
                        + Runtime.getRuntime().maxMemory() / MEGABYTE
                        + " MB); make the work smaller, or give the heap more: KINEMA_JAVA_OPTS=-Xmx8g";
            case StackOverflowError _ ->
                "a thread's stack is too small" + place() + "; give it more: KINEMA_JAVA_OPTS=-Xss16m";
            case LinkageError e ->
                "a library cannot be loaded: " + root(e) + "; is the system library that it names installed,"
                        + " and may files in ~/.javacpp and in the temporary folder be executed?";
            default -> "internal error: " + cause + place() + "; " + TRACE + "=1 shows the stack trace";
        };
        String line = text.strip().replaceAll("\\s*\\R\\s*", "; ");
        return line.length() <= MOST_CHARACTERS ? line : line.substring(0, MOST_CHARACTERS) + " …";
    }

    private static Throwable root(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    /** The first line of ours. */
    private String place() {
        for (StackTraceElement frame : cause.getStackTrace()) {
            if (frame.getClassName().startsWith("io.kinema.")) {
                return " at " + frame;
            }
        }
        return "";
    }

    String trace() {
        StringWriter text = new StringWriter();
        cause.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    /** Takes traces to stderr, where the user has asked for them. */
    static Consumer<Failure> askedFor() {
        return failure -> {
            if ("1".equals(System.getenv(TRACE))) {
                System.err.print(failure.trace());
            }
        };
    }

    /** Takes traces to a file as well. */
    static Consumer<Failure> into(Path file) {
        return askedFor().andThen(failure -> {
            try {
                Files.createDirectories(file.toAbsolutePath().getParent());
                Files.writeString(
                        file,
                        failure.trace(),
                        StandardCharsets.UTF_8,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.APPEND);
            } catch (IOException e) {
                System.err.println("warning: the stack trace of the error cannot be written: " + e);
            }
        });
    }
}
