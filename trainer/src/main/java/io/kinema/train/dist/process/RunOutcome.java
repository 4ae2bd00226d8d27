package io.kinema.train.dist.process;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

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

    /**
     * Returns what happened, and where to read on.
     *
     * @return the first line of {@link #message} or less
     */
    default String brief() {
        return message();
    }

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
                case "SIGHUP" -> ExitCode.HANGUP.number();
                case "SIGINT" -> ExitCode.INTERRUPT.number();
                default -> ExitCode.TERMINATE.number();
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
     * @param signal what the launcher had been told to stop with, as "SIGTERM"; empty if it had not
     */
    record Failed(int rank, int code, List<String> lastLines, Path log, String signal) implements RunOutcome {
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
            if (lastLines.isEmpty()) {
                return "rank " + rank + " " + how() + " without a word (" + log + ")";
            }
            return "rank " + rank + " " + how() + "; its last lines, from " + log + ":\n  "
                    + String.join("\n  ", lastLines);
        }

        @Override
        public String brief() {
            String why = reason();
            return "rank " + rank + " " + how() + (why.isEmpty() ? "" : ": " + why) + " (" + log + ")";
        }

        /**
         * Returns what the rank itself gave as the reason for its end.
         *
         * @return its line that begins with "error: ", without that; empty if there is none
         */
        public String reason() {
            return lastLines.isEmpty() || !lastLines.getFirst().startsWith(RankLog.ERROR)
                    ? ""
                    : lastLines.getFirst().substring(RankLog.ERROR.length());
        }

        private String how() {
            // A full disk may have taken what the rank said itself.
            String meaning = lastLines.isEmpty() || lastLines.getFirst().isBlank()
                    ? ExitCode.of(code)
                            .map(known -> " (" + known.meaning() + ")")
                            .orElse("")
                    : "";
            return code > SIGNAL_BASE && SIGNALS.containsKey(code - SIGNAL_BASE)
                    ? "was ended by " + SIGNALS.get(code - SIGNAL_BASE)
                    : "exited with code " + code + meaning;
        }
    }

    /**
     * A collective passed its deadline, though no rank had ended; all were stopped.
     *
     * @param absent the ranks that neither gave up waiting nor heard that others had; empty if all did
     * @param reason what the first rank that gave up said: the collective, its step, and for whom it waited
     * @param report many lines: what each rank said, and the stacks of those that are absent
     */
    record Hung(List<Integer> absent, String reason, String report) implements RunOutcome {
        /** Copies the ranks. */
        public Hung {
            absent = List.copyOf(absent);
        }

        @Override
        public int exitCode() {
            return ExitCode.COLLECTIVE_TIMEOUT.number();
        }

        @Override
        public String message() {
            return named(absent) + (absent.isEmpty() ? "no rank is missing, but " : " did not come: ") + reason;
        }

        /** As in "ranks 1, 3". */
        static String named(List<Integer> ranks) {
            String numbers = ranks.stream().map(Object::toString).collect(Collectors.joining(", "));
            return ranks.isEmpty() ? "" : (ranks.size() == 1 ? "rank " : "ranks ") + numbers;
        }
    }

    /**
     * No rank was started, because a host could not take part.
     *
     * @param reason which host, and why
     */
    record HostMissing(String reason) implements RunOutcome {
        @Override
        public int exitCode() {
            return ExitCode.HOST_LOST.number();
        }

        @Override
        public String message() {
            return reason;
        }
    }
}
