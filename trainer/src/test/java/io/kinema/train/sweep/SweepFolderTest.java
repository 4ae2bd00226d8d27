package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SweepFolderTest {
    private static final PlannedPoint POINT = new PlannedPoint("p", "1x8x1", 100, 20, 12_000, 2, 1, 1e-3);

    @TempDir
    private Path path;

    /** One torn line of one training would otherwise end status, fit and plot of all others. */
    @Test
    void shouldReadAroundALineThatIsTornWithinACharacter() throws IOException {
        SweepFolder folder = new SweepFolder(path);
        folder.create();
        folder.writePlan(List.of(POINT));
        Path metrics = Files.createDirectories(folder.run(POINT)).resolve("metrics.jsonl");
        Files.writeString(metrics, """
                {"step":1,"loss":2.0,"tokens":10,"flops":6000}
                {"step":2,"loss":1.0,"tokens":10,"flops":6000}
                """);
        Files.write(metrics, new byte[] {'{', '"', (byte) 0xC3}, StandardOpenOption.APPEND);
        assertEquals(2, folder.steps(POINT));
        assertArrayEquals(new double[] {10, 20}, folder.curves().getFirst().tokens());
    }
}
