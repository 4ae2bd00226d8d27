package io.kinema.train.dist.process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class RankLogTest {
    @TempDir
    private Path folder;

    /** Whatever is written to /dev/full finds no space. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldBeginWhereTheDiskIsFull() throws IOException {
        Path path = Files.createSymbolicLink(folder.resolve("rank-00000.log"), Path.of("/dev/full"));
        assertEquals(path, RankLog.begin(folder, 0).path());
    }

    @Test
    void shouldFindTheLineThatSaysWhyARankEnded() throws IOException {
        RankLog log = RankLog.begin(folder, 1);
        Files.writeString(log.path(), "step 1\nerror: no disk\n", StandardOpenOption.APPEND);
        assertEquals(List.of("error: no disk"), log.lastLines());
    }

    @Test
    void shouldSayWhatACodeMeansWhereTheRankCouldSayNothing() {
        String message = new RunOutcome.Failed(1, ExitCode.NO_ROOM.number(), List.of(), Path.of("log"), "").message();
        assertEquals(
                "rank 1 exited with code 81 (the disk stayed full: a restart would end the same) without a word (log)",
                message);
    }
}
