package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.device.DeviceConfig;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MatmulPeakTest {
    private static final DeviceConfig CONFIG = new DeviceConfig("nd4j", Precision.FP32, 1);

    @TempDir
    private Path folder;

    private List<Path> files() throws IOException {
        try (Stream<Path> names = Files.list(folder)) {
            return names.toList();
        }
    }

    @Test
    void shouldRememberTheBestMeasurement() throws IOException {
        double measured = new MatmulPeak(folder).flopsPerSecond(CONFIG);
        assertTrue(measured > 1e8, "measured " + measured);
        assertEquals(1, files().size());
        Path file = files().getFirst();
        String what = Files.readAllLines(file).getFirst();
        assertTrue(what.contains("nd4j; fp32; 1 threads"), what);
        writeOld(file, what + "\n1.0E18\n");
        assertEquals(1e18, new MatmulPeak(folder).flopsPerSecond(CONFIG));
        writeOld(file, what + "\n12345.0\n");
        double better = new MatmulPeak(folder).flopsPerSecond(CONFIG);
        assertTrue(better > 1e8, "measured " + better);
        assertEquals(what + "\n" + better + "\n", Files.readString(file));
    }

    private static void writeOld(Path file, String text) throws IOException {
        Files.writeString(file, text);
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofMinutes(61))));
    }

    @Test
    void shouldNotMeasureAgainWithinTheHour() throws IOException {
        new MatmulPeak(folder).flopsPerSecond(CONFIG);
        Path file = files().getFirst();
        String what = Files.readAllLines(file).getFirst();
        Files.writeString(file, what + "\n12345.0\n");
        assertEquals(12345.0, new MatmulPeak(folder).flopsPerSecond(CONFIG));
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofMinutes(59))));
        assertEquals(12345.0, new MatmulPeak(folder).flopsPerSecond(CONFIG));
        writeOld(file, what + "\n1.0E18\n");
        assertEquals(1e18, new MatmulPeak(folder).flopsPerSecond(CONFIG));
        // Measured less, which counts as measured.
        Instant kept = Files.getLastModifiedTime(file).toInstant();
        assertTrue(kept.isAfter(Instant.now().minus(Duration.ofMinutes(1))), kept.toString());
    }

    @Test
    void shouldMeasureAgainWhatIsDamagedOrOfSomethingElse() throws IOException {
        new MatmulPeak(folder).flopsPerSecond(CONFIG);
        Path file = files().getFirst();
        String what = Files.readAllLines(file).getFirst();
        for (String text : List.of("", what + "\nfast\n", what + "\n-1\n", "another processor\n12345.0\n")) {
            Files.writeString(file, text);
            assertTrue(new MatmulPeak(folder).flopsPerSecond(CONFIG) > 1e8, text);
        }
    }

    @Test
    void shouldNotFailWhereNothingCanBeKept() throws IOException {
        Path notAFolder = Files.createFile(folder.resolve("file"));
        assertTrue(new MatmulPeak(notAFolder).flopsPerSecond(CONFIG) > 1e8);
    }
}
