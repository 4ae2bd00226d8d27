package io.kinema.train.save;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StorageProgressTest {
    private static final long SECOND = 1_000_000_000;

    @Test
    void shouldSayEveryFiveSecondsHowFarACheckpointIs() {
        List<String> said = new ArrayList<>();
        StorageProgress progress = new StorageProgress("writing step-00000100", 3_400_000_000L, said::add, 0);
        progress.at(100_000_000, 4 * SECOND);
        progress.at(0, 5 * SECOND);
        progress.at(1_200_000_000, 6 * SECOND);
        progress.at(1_200_000_000, 12 * SECOND);
        progress.at(3_500_000_000L, 18 * SECOND);
        assertEquals(
                List.of(
                        "writing step-00000100: 0.0 of 3.4 GB",
                        "writing step-00000100: 1.2 of 3.4 GB, about 22 s left",
                        "writing step-00000100: 3.4 of 3.4 GB, about 0 s left"),
                said);
    }

    @Test
    void shouldCountSmallOnesInMegabytes() {
        List<String> said = new ArrayList<>();
        new StorageProgress("reading step-00000100", 20_000_000, said::add, 0).at(5_000_000, 6 * SECOND);
        assertEquals(List.of("reading step-00000100: 5.0 of 20.0 MB, about 18 s left"), said);
    }
}
