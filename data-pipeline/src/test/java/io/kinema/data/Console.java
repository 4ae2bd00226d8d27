package io.kinema.data;

import io.kinema.data.command.CommandLine;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Runs the command as {@link Prepare#main} does, and keeps what it prints. */
record Console(int exitCode, String stdout, String stderr) {
    static Console prepare(Object... args) {
        String[] texts = new String[args.length];
        for (int i = 0; i < args.length; i++) {
            texts[i] = args[i].toString();
        }
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        ByteArrayOutputStream stderr = new ByteArrayOutputStream();
        System.setOut(new PrintStream(stdout, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(stderr, true, StandardCharsets.UTF_8));
        try {
            int exitCode = CommandLine.run(() -> Prepare.run(texts));
            return new Console(
                    exitCode, stdout.toString(StandardCharsets.UTF_8), stderr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** The one line that a mistake is told in; a progress bar may stand before it. */
    String mistake() {
        if (exitCode != 2) {
            throw new AssertionError("exit code " + exitCode + ": " + stdout + stderr);
        }
        String last = stderr.substring(stderr.lastIndexOf("error: ")).strip();
        if (last.contains("\n")) {
            throw new AssertionError("more than one line: " + last);
        }
        return last;
    }
}
