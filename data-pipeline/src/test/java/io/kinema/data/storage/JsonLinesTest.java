package io.kinema.data.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonLinesTest {
    @TempDir
    private Path folder;

    /** A file that is cut off after any byte, within the characters of a prompt too, keeps its whole lines. */
    @Test
    void shouldKeepWholeLinesOfAFileCutOffAnywhere() throws IOException {
        byte[] all = "{\"step\":1,\"id\":\"猫\"}\n{\"step\":2,\"id\":\"🐈é\"}\n".getBytes(StandardCharsets.UTF_8);
        int firstEnds = new String(all, StandardCharsets.UTF_8).indexOf('\n') + 2;
        Path file = folder.resolve("metrics.jsonl");
        for (int length = 0; length <= all.length; length++) {
            Files.write(file, Arrays.copyOf(all, length));
            List<String> warnings = new ArrayList<>();
            List<JsonLines.Line> whole = JsonLines.whole(file, warnings::add);
            int expected = length < firstEnds ? 0 : length < all.length - 1 ? 1 : 2;
            boolean isTorn = length > 0 && length < firstEnds || length > firstEnds + 1 && length < all.length - 1;
            assertEquals(expected, whole.size(), "after byte " + length);
            assertEquals(isTorn ? 1 : 0, warnings.size(), "after byte " + length);
            for (String warning : warnings) {
                assertTrue(warning.contains(file + " line " + (expected + 1)), warning);
            }
        }
    }

    @Test
    void shouldLeaveOutLinesThatAreNoObjectWhereverTheyStand() throws IOException {
        Path file = folder.resolve("spikes.jsonl");
        Files.write(file, "{\"a\":1}\n\n{\"a\":2}{\"a\":3}\n7\n{\"a\":4}".getBytes(StandardCharsets.UTF_8));
        List<String> warnings = new ArrayList<>();
        List<JsonLines.Line> whole = JsonLines.whole(file, warnings::add);
        assertEquals(List.of(1L, 5L), whole.stream().map(JsonLines.Line::number).toList());
        assertEquals(1, warnings.size());
        assertTrue(
                warnings.getFirst().contains("line 3 ") && warnings.getFirst().contains("1 more"), warnings + "");
    }
}
