package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TeamTest {
    @TempDir
    private Path folder;

    @Test
    void shouldTellTheTimeOfTheSlowestRank() throws IOException {
        try (Team team = Team.start("fake", List.of(rank(2), rank(7), rank(3)), List.of())) {
            assertEquals(7, team.callMs(1000, 4));
        }
    }

    @Test
    void shouldMakeAsManyCallsAsFillARound() throws Exception {
        try (Team team = Team.start("fake", List.of(rank(5)), List.of())) {
            assertEquals(5, team.prepare(1000).take());
        }
        List<String> requests = Files.readAllLines(folder.resolve("requests-5"));
        assertEquals(List.of("1000 1", "1000 40", "1000 40"), requests);
    }

    @Test
    void shouldFailWhenARankEnds() throws IOException {
        List<String> dying = shell("echo ready; read request; echo 'the sum is wrong' >&2; exit 1");
        List<String> closed = new ArrayList<>();
        String said = StandardError.of(() -> {
            try (Team team = Team.start("fake", List.of(rank(1), dying), List.of(() -> closed.add("held")))) {
                IOException e = assertThrows(IOException.class, () -> team.callMs(8, 1));
                assertEquals("the fake process ended when asked for 8 1; what it says is above", e.getMessage());
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        assertEquals("the sum is wrong", said.strip());
        assertEquals(List.of("held"), closed);
    }

    @Test
    void shouldCloseWhatItHoldsWhenARankDoesNotStart() {
        List<String> closed = new ArrayList<>();
        IOException e = assertThrows(
                IOException.class,
                () -> Team.start("fake", List.of(rank(1), shell("echo what")), List.of(() -> closed.add("held"))));
        assertEquals("the fake process says 'what' instead of ready", e.getMessage());
        assertEquals(List.of("held"), closed);
    }

    @Test
    void shouldMeasureInTurn() throws Exception {
        List<String> order = new ArrayList<>();
        List<Turn> turns = List.of(() -> note(order, "a"), () -> note(order, "b"));
        double[][] measured = Turn.inTurn(turns, 3);
        assertEquals(List.of("a", "b", "a", "b", "a", "b"), order);
        assertArrayEquals(new double[] {1, 3, 5}, measured[0]);
        assertArrayEquals(new double[] {2, 4, 6}, measured[1]);
    }

    private static double note(List<String> order, String name) {
        order.add(name);
        return order.size();
    }

    /** A process that says each call took so long, and writes down what it is asked for. */
    private List<String> rank(int callMs) {
        Path requests = folder.resolve("requests-" + callMs);
        return shell("echo ready; while read elements calls; do echo $elements $calls >>" + requests
                + "; echo $((calls * " + callMs + ")); done");
    }

    private static List<String> shell(String script) {
        return List.of("sh", "-c", script);
    }
}
