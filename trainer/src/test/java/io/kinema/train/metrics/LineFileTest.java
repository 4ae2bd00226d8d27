package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LineFileTest {
    @TempDir
    private Path folder;

    private final List<String> said = new ArrayList<>();

    /** Whatever is written to /dev/full finds no space. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldGoOnWhereTheDiskIsFullAndSayItOnce() throws IOException {
        Path full = Files.createSymbolicLink(folder.resolve("metrics.jsonl"), Path.of("/dev/full"));
        try (LineFile file = LineFile.append(full, said::add)) {
            file.append("{\"step\":1}");
            file.append("{\"step\":2}");
            assertEquals(1, said.size(), said::toString);
            assertTrue(said.getFirst().contains("lines wait in memory"), said.getFirst());
        }
        assertTrue(said.getLast().startsWith("warning: 22 bytes of "), said.getLast());
    }

    @Test
    void shouldAppendAndKeepWhatIsAskedFor() throws IOException {
        Path path = folder.resolve("lines");
        try (LineFile file = LineFile.append(path, said::add)) {
            file.append("one");
            file.append("zwei");
        }
        LineFile.rewrite(path, List.of("one", "zwei"));
        assertEquals("one\nzwei\n", Files.readString(path));
        LineFile.rewrite(path, List.of("one"));
        assertEquals("one\n", Files.readString(path));
        assertEquals(List.of(), said);
    }

    /** A folder of that name keeps the temporary file from being written, as a full disk does. */
    @Test
    void shouldRewriteInPlaceWhereNoOtherFileCanBeWritten() throws IOException {
        Path path = folder.resolve("lines");
        Files.writeString(path, "one\ntwo\nthr");
        Files.createDirectory(folder.resolve("lines.tmp"));
        LineFile.rewrite(path, List.of("two"));
        assertEquals("two\n", Files.readString(path));
        assertFalse(Files.exists(folder.resolve("lines.tmp")));
    }
}
