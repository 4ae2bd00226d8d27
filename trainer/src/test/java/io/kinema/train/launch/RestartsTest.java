package io.kinema.train.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.run.RestartPolicy;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RestartsTest {
    private static Restarts restarts(int numRanks, int minRanks, int maxRestarts) {
        return new Restarts(new RestartPolicy(maxRestarts, minRanks), numRanks, 100);
    }

    private static RunOutcome failed(int code, String signal) {
        return new RunOutcome.Failed(1, code, List.of(), Path.of("rank-00001.log"), signal);
    }

    @Test
    void shouldGiveUpAfterThatManyRestartsInARow() {
        Restarts restarts = restarts(2, 2, 2);
        assertEquals("restart 1 of 2", restarts.next(100).orElseThrow());
        assertEquals("restart 2 of 2", restarts.next(100).orElseThrow());
        assertEquals(Optional.empty(), restarts.next(100));
        assertEquals("gave up after 2 restarts without a new checkpoint; ", restarts.tried());
        assertEquals(2, restarts.numRanks());
    }

    @Test
    void shouldCountAnewAfterACheckpointBeyondAllBefore() {
        Restarts restarts = restarts(2, 2, 2);
        restarts.next(100);
        assertEquals("restart 1 of 2", restarts.next(150).orElseThrow());
        // The checkpoint of step 150 was damaged: to have it again is no progress.
        assertEquals("restart 2 of 2", restarts.next(120).orElseThrow());
        assertEquals(Optional.empty(), restarts.next(150));
    }

    @Test
    void shouldGoOnWithOneRankFewerDownToTheLeast() {
        Restarts restarts = restarts(3, 1, 1);
        assertEquals("restart 1 of 1", restarts.next(100).orElseThrow());
        assertTrue(restarts.next(100).orElseThrow().startsWith("going on with 2 of 3 ranks after 1 restart without"));
        assertEquals("restart 1 of 1", restarts.next(100).orElseThrow());
        assertTrue(restarts.next(100).orElseThrow().startsWith("going on with 1 of 2 ranks"));
        assertEquals(1, restarts.numRanks());
        assertEquals("restart 1 of 1", restarts.next(100).orElseThrow());
        assertEquals(Optional.empty(), restarts.next(100));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 75, 80, 134, 137, 139})
    void shouldHelpAgainstWhatMayComeOutOtherwise(int code) {
        assertTrue(restarts(2, 2, 3).mayHelp(failed(code, "")));
        assertFalse(restarts(2, 2, 0).mayHelp(failed(code, "")), "--max-restarts 0");
        assertTrue(restarts(2, 1, 0).mayHelp(failed(code, "")), "with fewer ranks");
        assertFalse(restarts(2, 2, 3).mayHelp(failed(code, "SIGTERM")), "the launcher was told to stop");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 76, 78, 81, 129, 130, 143})
    void shouldNotHelpAgainstMistakesNumbersAndSignalsToStop(int code) {
        assertFalse(restarts(2, 1, 3).mayHelp(failed(code, "")));
    }

    @Test
    void shouldHelpAgainstHangsAndNotWhenAllIsDone() {
        assertTrue(restarts(2, 2, 3).mayHelp(new RunOutcome.Hung(List.of(1), "rank 0 waited", "")));
        assertFalse(restarts(2, 2, 3).mayHelp(new RunOutcome.Finished()));
        assertFalse(restarts(2, 2, 3).mayHelp(new RunOutcome.Stopped("SIGINT")));
    }
}
