package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PointsFileTest {
    @TempDir
    private Path folder;

    private Path file;
    private final List<String> remarks = new ArrayList<>();

    @BeforeEach
    void nameFile() {
        file = folder.resolve("points.csv");
    }

    private List<ScalingPoint> read() throws IOException {
        return PointsFile.read(file, remarks::add);
    }

    private String mistake(String text) throws IOException {
        Files.writeString(file, text);
        return assertThrows(ConfigException.class, this::read, text).getMessage();
    }

    @Test
    void shouldReadWhatItHasWritten() throws IOException {
        List<ScalingPoint> points = List.of(
                new ScalingPoint(1e6, 2e9, 1.3e16, 0.25, 0.001, "2x64x2", "1x64x2", 100, 2e-3, 4, "runs/a, \"b\""),
                new ScalingPoint(123456789, 2, 3, 4.5678901234567, 0, "", "", 0, 0, 0, ""));
        PointsFile.write(file, points);
        assertEquals(points, read());
    }

    @Test
    void shouldReadAnyonesTableWithTheFourColumnsInAnyOrder() throws IOException {
        Files.writeString(file, "loss, name, C, D, N\n2.5,first,6e18,1e9,1e9\n\n2.25,second,1.2e19,2e9,1e9\n");
        List<ScalingPoint> points = read();
        assertEquals(2, points.size());
        assertEquals(2.25, points.get(1).loss());
        assertEquals(2e9, points.get(1).d());
    }

    @Test
    void shouldNameTheLineOfWhatCannotBeAPoint() throws IOException {
        for (String line :
                List.of("1e9,1e9,6e18,0", "1e9,1e9,,2", "1e9,NaN,6e18,2", "1e9,1e9,6e18,-2", "1e9,1e9,6e18,Infinity")) {
            Files.writeString(file, "N,D,C,loss\n1e9,1e9,6e18,2.5\n" + line + "\n");
            String message =
                    assertThrows(ConfigException.class, this::read, line).getMessage();
            assertTrue(message.contains("line 3"), message);
        }
        String many = mistake("N,D,C,loss\n\n1e9,many,6e18,2.5\n");
        assertTrue(many.contains("line 3: D is many, where a number above 0 is needed"), many);
        String steps = mistake("N,D,C,loss,steps\n1e9,1e9,6e18,2.5,few\n");
        assertTrue(steps.contains("line 2 is no point") && steps.contains("few"), steps);
    }

    /** The header of a published table: epoch-research/analyzing-chinchilla, data/svg_extracted_data.csv. */
    @Test
    void shouldKnowUsualNamesOfColumnsAndCountWhatIsAbsent() throws IOException {
        Files.writeString(file, "x,Model Size,Training FLOP,hex_color,LOSS\n154.0,1e9,6e18,#faebdd,2.5\n");
        ScalingPoint point = read().getFirst();
        assertEquals(Chinchilla.point(1e9, 1e9, 2.5), point);
        assertEquals(List.of("the points have no column of tokens: D is C / 6N"), remarks);
        Files.writeString(file, "num_params,Tokens,val_loss\n1e9,1e9,2.5\n");
        assertEquals(point, read().getFirst());
        assertEquals("the points have no column of operations: C is 6ND", remarks.getLast());
    }

    @Test
    void shouldNameTheColumnsOfAnotherHeader() throws IOException {
        String wrong = mistake("size,N,ppl\n1,1e9,2.5\n");
        assertTrue(wrong.contains("has columns size, N, ppl, none of them for D, C, loss; give a table"), wrong);
        String two = mistake("N,Params,D,loss\n1e9,1e9,1e9,2.5\n");
        assertTrue(two.contains("2 columns that can be N: N, Params; leave out"), two);
    }

    @Test
    void shouldRefuseATableThatIsNotUtf8() throws IOException {
        Files.write(file, "N,D,loss,näme\n1e9,1e9,2.5,x\n".getBytes(StandardCharsets.ISO_8859_1));
        String message = assertThrows(ConfigException.class, this::read).getMessage();
        assertTrue(message.contains("points.csv") && message.contains("UTF-8"), message);
    }

    @Test
    void shouldSayWhichPointsAreGivenTwice() throws IOException {
        Files.writeString(file, "N,D,C,loss\n1e9,1e9,6e18,2.5\n2e9,1e9,12e18,2.4\n1e9,1e9,6e18,2.5\n");
        assertEquals(2, read().size());
        assertEquals(List.of("points are given twice, and count once: line 4 as line 2"), remarks);
    }

    @Test
    void shouldSayWhatTableIsWantedWhereThereIsNone() {
        String message = assertThrows(ConfigException.class, this::read).getMessage();
        assertTrue(
                message.contains("points.csv")
                        && message.contains("columns N (parameters), loss, and D (tokens) or C (operations)"),
                message);
    }
}
