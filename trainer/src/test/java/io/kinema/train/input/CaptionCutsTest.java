package io.kinema.train.input;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Dataset;
import io.kinema.train.TinyData;
import io.kinema.train.run.FlagText;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaptionCutsTest {
    @TempDir
    private Path root;

    @Test
    void shouldCountWhatIsLongerThanTheModelReads() {
        CaptionCuts cuts = CaptionCuts.NONE
                .with("x".repeat(256))
                .with("")
                .with("ü".repeat(129))
                .with("x".repeat(1000));
        assertEquals(new CaptionCuts(3, 2, 1000), cuts);
        assertEquals(
                "captions: 2 of the 3 that rank 0 has read are cut to 256 bytes; the longest has 1,000",
                cuts.text("captions", "rank 0 has read").orElseThrow());
    }

    @Test
    void shouldSayNothingWhereNothingIsCut() {
        assertTrue(CaptionCuts.NONE
                .with("x".repeat(256))
                .text("prompts", "were given")
                .isEmpty());
    }

    /** Ten of eleven clips have a caption; those of later epochs are the same and do not count again. */
    @Test
    void shouldCountTheCaptionsOfTheFirstEpoch() throws IOException {
        Recipe config = FlagText.settings(
                        "--model debug --patch 2x4x4 --tokens 40 --microbatches 1 --caption-dropout 0")
                .recipe();
        Path data = TinyData.write(root.resolve("data"), 1, " and more".repeat(40));
        try (Dataset dataset = Dataset.open(data.toString());
                ClipLoader loader = new ClipLoader(dataset, config, List.of(0), 0, 0, UploadMemory.HEAP)) {
            for (int step = 0; step < 40; step++) {
                loader.next();
            }
            int longest = "clip number 10".length() + 9 * 40;
            assertEquals(new CaptionCuts(10, 10, longest), loader.captionCuts());
        }
    }
}
