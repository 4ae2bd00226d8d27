package io.kinema.data.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SourceListingTest {
    @TempDir
    Path folder;

    @Test
    void shouldListFilesBelowInOrderWithTheirSidecars() throws IOException {
        for (String name : List.of(
                "b.mp4",
                "a.webm",
                "a.txt",
                "a.json",
                "sub/deep/a.gif",
                "sub/deep/a.txt",
                ".hidden.mp4",
                ".git/x.mp4",
                "sub.d/noext",
                "odd: name #1?.mov")) {
            Path file = folder.resolve(name);
            Files.createDirectories(file.getParent());
            Files.writeString(file, "123");
        }
        List<Source> sources = listing().sources();
        assertEquals(
                List.of("a.webm", "b.mp4", "odd: name #1?.mov", "sub.d/noext", "sub/deep/a.gif"),
                sources.stream().map(Source::path).toList());
        assertEquals(List.of("a.json", "a.txt"), sources.getFirst().sidecars());
        assertEquals(List.of("sub/deep/a.txt"), sources.getLast().sidecars());
        assertEquals(List.of(), sources.get(1).sidecars());
        assertEquals(3, sources.getFirst().bytes());
    }

    @Test
    void shouldSayWhereACaptionTableIsWrong() throws IOException {
        Files.writeString(folder.resolve("a.mp4"), "x");
        Map<String, Map<String, String>> wrong = Map.of(
                "captions.csv",
                Map.of(
                        "file,caption\na.mp4,red\n", "has no path or no caption",
                        "path,caption\na.mp4,red,CC0-1.0,more\n", "is not a CSV table"),
                "captions.jsonl",
                Map.of(
                        "{\"path\": \"a.mp4\", \"caption\": \"red\"}\n{\"path\": \n", "captions.jsonl:2 is not JSON",
                        "{\"caption\": \"red\"}\n", "captions.jsonl:1 has no path"));
        for (String name : wrong.keySet()) {
            for (Map.Entry<String, String> each : wrong.get(name).entrySet()) {
                Files.writeString(folder.resolve(name), each.getKey());
                ConfigException e = assertThrows(ConfigException.class, this::listing);
                assertTrue(e.getMessage().contains(each.getValue()), e.getMessage());
                assertTrue(e.getMessage().contains(folder.resolve(name).toString()), e.getMessage());
            }
            Files.delete(folder.resolve(name));
        }
    }

    private SourceListing listing() throws IOException {
        return SourceListing.of(Folder.at(folder.toString()));
    }
}
