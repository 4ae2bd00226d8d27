package io.kinema.train.dist.process;

import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;

/** Puts into words what is known of a hang. */
final class HangReport {
    private final List<Waited> waited = new ArrayList<>();

    /**
     * A rank that was in a collective, and ended because the collective failed.
     *
     * @param rank whose
     * @param code its exit code
     * @param lastWords for whom it waited, and where
     */
    private record Waited(int rank, int code, String lastWords) {
        String inWords() {
            String who = "rank " + rank + " ";
            return code == 0 ? who + "had ended" : lastWords.startsWith(who) ? lastWords : who + "said: " + lastWords;
        }
    }

    /** Adds a rank that ended by itself. */
    void add(int rank, int code, RankLog log) throws IOException {
        List<String> lines = log.lastLines();
        String first = lines.isEmpty() ? "" : lines.getFirst();
        waited.add(new Waited(
                rank, code, first.startsWith(RankLog.ERROR) ? first.substring(RankLog.ERROR.length()) : first));
    }

    /**
     * Returns the outcome.
     *
     * @param stacks of the ranks that had not ended by themselves, by rank
     */
    RunOutcome.Hung outcome(SequencedMap<Integer, String> stacks) {
        String reason = waited.stream()
                .filter(rank -> rank.code() == ExitCode.COLLECTIVE_TIMEOUT.number())
                .findFirst()
                .orElseThrow()
                .lastWords();
        List<Integer> absent = List.copyOf(stacks.keySet());
        StringBuilder text = new StringBuilder("hang, seen at " + Instant.now().truncatedTo(ChronoUnit.SECONDS) + "\n");
        text.append(reason).append("\n\narrived:\n");
        for (Waited rank : waited) {
            text.append("  ").append(rank.inWords()).append('\n');
        }
        text.append("did not arrive: ");
        text.append(absent.isEmpty() ? "none\n" : RunOutcome.Hung.named(absent) + "\n");
        stacks.forEach((rank, stack) ->
                text.append("\nrank ").append(rank).append(", ").append(stack));
        return new RunOutcome.Hung(absent, reason, text.toString());
    }
}
