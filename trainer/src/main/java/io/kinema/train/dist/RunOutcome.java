package io.kinema.train.dist;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** How the processes of a run ended. */
public sealed interface RunOutcome {
    /**
     * Returns what the launcher should exit with.
     *
     * @return 0 when all ranks ended well
     */
    int exitCode();

    /**
     * Returns what to tell the user.
     *
     * @return one line, followed by the failed rank's last lines if one failed
     */
    String message();

    /** Every rank exited with 0 by itself. */
    record Finished() implements RunOutcome {
        @Override
        public int exitCode() {
            return 0;
        }

        @Override
        public String message() {
            return "all ranks finished";
        }
    }

    /**
     * The launcher was told to stop, and every rank exited with 0. Its own exit code is 128 + n after signal n, as a
     * shell's would be: what was asked for is not done.
     *
     * @param signal what the launcher was told with, as "SIGTERM"
     */
    record Stopped(String signal) implements RunOutcome {
        @Override
        public int exitCode() {
            return switch (signal) {
                case "SIGHUP" -> 129;
                case "SIGINT" -> 130;
                default -> 143;
            };
        }

        @Override
        public String message() {
            return "stopped by " + signal + ": all ranks ended in good order";
        }
    }

    /**
     * A rank failed, and all others were stopped.
     *
     * @param rank the rank that failed first
     * @param code its exit code; 128 + n when signal n killed it
     * @param lastLines the end of its output
     * @param log where all of its output is
     */
    record Failed(int rank, int code, List<String> lastLines, Path log) implements RunOutcome {
        private static final int SIGNAL_BASE = 128;
        private static final Map<Integer, String> SIGNALS = Map.ofEntries(
                Map.entry(1, "SIGHUP"),
                Map.entry(2, "SIGINT"),
                Map.entry(3, "SIGQUIT"),
                Map.entry(4, "SIGILL"),
                Map.entry(6, "SIGABRT"),
                Map.entry(7, "SIGBUS"),
                Map.entry(8, "SIGFPE"),
                Map.entry(9, "SIGKILL"),
                Map.entry(11, "SIGSEGV"),
                Map.entry(15, "SIGTERM"));

        /** Copies the lines. */
        public Failed {
            lastLines = List.copyOf(lastLines);
        }

        @Override
        public int exitCode() {
            return code;
        }

        @Override
        public String message() {
            String how = code > SIGNAL_BASE && SIGNALS.containsKey(code - SIGNAL_BASE)
                    ? "was ended by " + SIGNALS.get(code - SIGNAL_BASE)
                    : "exited with code " + code;
            if (lastLines.isEmpty()) {
                return "rank " + rank + " " + how + " without a word (" + log + ")";
            }
            return "rank " + rank + " " + how + "; its last lines, from " + log + ":\n  "
                    + String.join("\n  ", lastLines);
        }
    }
}
