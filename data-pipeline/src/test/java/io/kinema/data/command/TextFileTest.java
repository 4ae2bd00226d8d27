package io.kinema.data.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {
    @TempDir
    private Path folder;

    @Test
    void shouldReadLinesOfUtf8() throws IOException {
        Path file = Files.writeString(folder.resolve("p.txt"), "猫 走る 🐈\r\né");
        assertEquals(List.of("猫 走る 🐈", "é"), TextFile.lines("--prompts", file));
    }

    @Test
    void shouldNameThePlaceOfAByteThatIsNotUtf8() throws IOException {
        Path file = Files.write(folder.resolve("p.txt"), "a\nà la".getBytes(StandardCharsets.ISO_8859_1));
        ConfigException e = assertThrows(ConfigException.class, () -> TextFile.lines("--prompts", file));
        assertEquals(
                "--prompts " + file + " line 2 is not UTF-8: byte 0xE0 at offset 2; save the file as UTF-8",
                e.getMessage());
        ConfigException missing =
                assertThrows(ConfigException.class, () -> TextFile.read("", folder.resolve("missing")));
        assertTrue(missing.getMessage().contains("missing"), missing.getMessage());
    }

    @Test
    void shouldSayThatAFileOfFlagsIsNotUtf8() throws IOException {
        Path file = Files.write(folder.resolve("a.args"), new byte[] {'#', (byte) 0xC3, '\n'});
        ConfigException e = assertThrows(ConfigException.class, () -> ArgsFile.read(file));
        assertTrue(e.getMessage().startsWith(file + " line 1 is not UTF-8: byte 0xC3"), e.getMessage());
    }
}
