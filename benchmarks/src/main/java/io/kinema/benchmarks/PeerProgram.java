package io.kinema.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.concurrent.TimeUnit;

/**
 * A program that answers lines with lines, and ends when its standard input does. What it says on its standard error is
 * shown on this process's.
 */
final class PeerProgram implements AutoCloseable {
    private static final long END_SECONDS = 10;
    private static final long LAST_WORDS_MS = 1_000;

    /** Every Java of the comparison would say it. */
    private static final String EXPECTED = "WARNING: Using incubator modules: ";

    private final String name;
    private final Process process;
    private final BufferedReader from;
    private final Writer to;
    private final Thread errors;

    private PeerProgram(String name, Process process) {
        this.name = name;
        this.process = process;
        this.from = process.inputReader();
        this.to = process.outputWriter();
        errors =
                Thread.ofPlatform().daemon().name("benchmark-errors-of-" + name).start(this::showErrors);
    }

    /**
     * Starts it.
     *
     * @param name for messages
     * @param builder its command and environment
     * @throws IOException when there is no such program
     */
    static PeerProgram start(String name, ProcessBuilder builder) throws IOException {
        return new PeerProgram(name, builder.start());
    }

    private void showErrors() {
        try {
            process.errorReader()
                    .lines()
                    .filter(line -> !line.startsWith(EXPECTED))
                    .forEach(System.err::println);
        } catch (UncheckedIOException closed) {
            // The process was ended.
            return;
        }
    }

    /** Sends a line. */
    void tell(String line) throws IOException {
        try {
            to.write(line + "\n");
            to.flush();
        } catch (IOException e) {
            throw new IOException(ended(line), e);
        }
    }

    /**
     * Waits for its next line.
     *
     * @param asked what for, for messages
     * @throws IOException when the process has ended
     */
    String hear(String asked) throws IOException {
        String line = from.readLine();
        if (line == null) {
            throw new IOException(ended(asked));
        }
        return line;
    }

    private String ended(String asked) {
        try {
            errors.join(LAST_WORDS_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "the " + name + " process ended when asked for " + asked + "; what it says is above";
    }

    /** Lets it end; {@link #close} waits for that. */
    void endInput() {
        try {
            to.close();
        } catch (IOException gone) {
            // What it has not read it will not answer.
            return;
        }
    }

    @Override
    public void close() {
        endInput();
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                // A program that has others under it ends them first.
                process.destroy();
                if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            }
            errors.join(LAST_WORDS_MS);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
