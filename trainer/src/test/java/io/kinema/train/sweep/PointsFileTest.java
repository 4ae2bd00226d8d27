package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PointsFileTest {
    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("points.csv");
    }

    @Test
    void shouldReadWhatItHasWritten() throws IOException {
        List<ScalingPoint> points = List.of(
                new ScalingPoint(1e6, 2e9, 1.3e16, 0.25, 0.001, "2x64x2", "1x64x2", 100, 2e-3, 4, "runs/a, \"b\""),
                new ScalingPoint(123456789, 2, 3, 4.5678901234567, 0, "", "", 0, 0, 0, ""));
        PointsFile.write(file, points);
        assertEquals(points, PointsFile.read(file));
    }

    @Test
    void shouldReadAnyonesTableWithTheFourColumnsInAnyOrder() throws IOException {
        Files.writeString(file, "loss, name, C, D, N\n2.5,first,6e18,1e9,1e9\n\n2.25,second,1.2e19,2e9,1e9\n");
        List<ScalingPoint> points = PointsFile.read(file);
        assertEquals(2, points.size());
        assertEquals(2.25, points.get(1).loss());
        assertEquals(2e9, points.get(1).d());
    }

    @Test
    void shouldNameTheLineOfWhatCannotBeAPoint() throws IOException {
        for (String line :
                List.of("1e9,1e9,6e18,0", "1e9,1e9,,2", "1e9,NaN,6e18,2", "1e9,1e9,6e18,-2", "1e9,1e9,6e18,Infinity")) {
            Files.writeString(file, "N,D,C,loss\n1e9,1e9,6e18,2.5\n" + line + "\n");
            String message = assertThrows(ConfigException.class, () -> PointsFile.read(file), line)
                    .getMessage();
            assertTrue(message.contains("line 3"), message);
        }
        Files.writeString(file, "N,D,C,loss\n1e9,many,6e18,2.5\n");
        assertTrue(assertThrows(ConfigException.class, () -> PointsFile.read(file))
                .getMessage()
                .contains("line 2"));
        Files.writeString(file, "N,D,loss\n1e9,1e9,2.5\n");
        assertTrue(assertThrows(ConfigException.class, () -> PointsFile.read(file))
                .getMessage()
                .contains("C=0"));
    }

    @Test
    void shouldSayWhatTableIsWantedWhereThereIsNone() {
        String message =
                assertThrows(ConfigException.class, () -> PointsFile.read(file)).getMessage();
        assertTrue(message.contains("points.csv") && message.contains("N, D, C and loss"), message);
    }
}
