package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestedCommitTest {
    @TempDir
    private Path folder;

    @Test
    void shouldDrawEveryPartAboutEquallyOftenOverCommits() {
        Random random = new Random(7);
        int[] drawn = new int[3];
        for (int i = 0; i < 3000; i++) {
            drawn[new TestedCommit("%08x%032x".formatted(random.nextInt(), i)).part(drawn.length)]++;
        }
        for (int count : drawn) {
            assertTrue(count > 900, "one part of three was drawn " + count + " times of 3000");
        }
    }

    @Test
    void shouldDrawByTheFirstDigitsOfTheHash() {
        String rest = "0".repeat(32);
        assertEquals(0, new TestedCommit("00000003" + rest).part(3));
        assertEquals(2, new TestedCommit("00000005" + rest).part(3));
        assertEquals(0xffffffffL % 7, new TestedCommit("ffffffff" + rest).part(7));
    }

    @Test
    void shouldDrawBySourcesWhereThereIsNoGit() throws Exception {
        Path source = Files.createDirectories(folder.resolve("src/main")).resolve("A.java");
        Files.writeString(source, "class A {}");
        TestedCommit commit = TestedCommit.of(folder);
        assertEquals(commit, TestedCommit.of(folder));
        Files.writeString(source, "class A { }");
        assertNotEquals(commit, TestedCommit.of(folder));
    }

    @Test
    void shouldDrawBySourcesBesideAnEmptyRepository() throws Exception {
        Files.createDirectories(folder.resolve("src"));
        // Git stops at a repository that it cannot read, whatever is above it.
        Files.writeString(folder.resolve(".git"), "gitdir: nowhere\n");
        assertEquals(64, TestedCommit.of(folder).hash().length());
    }
}
