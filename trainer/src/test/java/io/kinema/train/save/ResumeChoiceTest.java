package io.kinema.train.save;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.TinyCheckpoints;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunFiles;
import io.kinema.train.run.RunSettings;
import io.kinema.train.run.TrainFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResumeChoiceTest {
    /** Of {@link TinyCheckpoints}, at its seed, microbatches and tokens. */
    private static final String TINY = "--model 1x16x2 --caption-model 1x8x2 --patch 1x2x2 --seed 7 --microbatches 4"
            + " --tokens 512 --precision fp32";

    private static final String TRAINED = TINY + " --steps 40 --schedule cosine --learning-rate 1e-3 --warmup 0";

    @TempDir
    private Path root;

    private final List<String> warnings = new ArrayList<>();
    private CheckpointFolder folder;

    @BeforeEach
    void nameFolder() {
        folder = new CheckpointFolder(root.resolve("checkpoints"));
    }

    private RunDescription run(String flags, String dataSha256) {
        TrainFlags given = TrainFlags.parse(flags.split(" ")).orElseThrow();
        RunFiles files = new RunFiles(root.toString(), "/data/videos", dataSha256);
        return RunDescription.of(given, RunSettings.ofThisHost(given), files);
    }

    private ResumeChoice choice(String flags) {
        return new ResumeChoice(run(flags, "abc"));
    }

    private Path write(long step) throws IOException {
        return TinyCheckpoints.write(folder, step, 2, run(TRAINED, "abc").flags());
    }

    @Test
    void shouldSayNothingWhereNothingDiffers() throws IOException {
        Path newest = write(30);
        assertEquals(newest, choice(TRAINED).choose(warnings::add).orElseThrow().folder());
        assertEquals(List.of(), warnings);
    }

    @Test
    void shouldTakeARunForItsNewestCheckpoint() throws IOException {
        write(20);
        Path newest = write(30);
        TrainFlags given =
                TrainFlags.parse((TRAINED + " --resume " + root).split(" ")).orElseThrow();
        RunFiles files = new RunFiles(root.resolve("other").toString(), "/data/videos", "abc");
        ResumeChoice other = new ResumeChoice(RunDescription.of(given, RunSettings.ofThisHost(given), files));
        assertEquals(newest, other.choose(warnings::add).orElseThrow().folder());
    }

    @Test
    void shouldNameEveryFlagThatDiffersAndTheJumpOfTheRate() throws IOException {
        Path newest = write(38);
        choice(TRAINED + " --steps 80 --weight-decay 0.1 --clip-norm 2 --caption-dropout 0.2")
                .choose(warnings::add);
        assertEquals(2, warnings.size(), warnings::toString);
        String flags = warnings.getFirst();
        assertTrue(flags.startsWith(newest + " was trained with --steps 40, "), flags);
        for (String each : List.of("--weight-decay 0.01", "--clip-norm 1.0", "--caption-dropout 0.1")) {
            assertTrue(flags.indexOf(each) > 0 && flags.indexOf(each) < flags.indexOf("; going on with "), flags);
        }
        for (String each : List.of("--steps 80", "--weight-decay 0.1", "--clip-norm 2.0", "--caption-dropout 0.2")) {
            assertTrue(flags.lastIndexOf(each) > flags.indexOf("; going on with "), flags);
        }
        assertEquals(
                "the learning rate of step 39 would have been 6.16e-06 with the flags of before; it is 0.000539, 87.6"
                        + " times as much",
                warnings.getLast());
    }

    @Test
    void shouldNameScheduleWarmUpAndRate() throws IOException {
        write(2);
        choice(TRAINED + " --schedule constant --warmup 10 --learning-rate 2e-3")
                .choose(warnings::add);
        assertTrue(
                warnings.getFirst().endsWith("--learning-rate 0.002, --warmup 10, --schedule constant"),
                warnings.getFirst());
        assertEquals(2, warnings.size(), warnings::toString);
    }

    @Test
    void shouldPassOverWhatTheModelCannotBeRestoredFrom() throws IOException {
        Path good = write(1);
        Path strange = TinyCheckpoints.writeHalf(folder, 2);
        assertEquals(good, choice(TRAINED).choose(warnings::add).orElseThrow().folder());
        assertEquals(1, warnings.size(), warnings::toString);
        assertTrue(
                warnings.getFirst().startsWith("skipping a checkpoint that cannot be used: " + strange + " holds "),
                warnings.getFirst());
    }

    @Test
    void shouldTakeTheOneBeforeAfterRanksCouldNotRestoreOne() throws IOException {
        Path good = write(1);
        Path bad = write(2);
        String began = bad.toAbsolutePath().toString();
        assertEquals(
                good,
                choice(TRAINED)
                        .again(began, Set.of(bad.toAbsolutePath()), warnings::add)
                        .orElseThrow()
                        .folder());
        assertEquals(List.of("skipping a checkpoint that cannot be used: " + bad + " could not be restored"), warnings);
        String message = assertThrows(
                        ConfigException.class,
                        () -> choice(TRAINED)
                                .again(began, Set.of(good.toAbsolutePath(), bad.toAbsolutePath()), warnings::add))
                .getMessage();
        assertTrue(message.startsWith("no checkpoint of " + root + " could be restored"), message);
    }

    @Test
    void shouldRefuseAnotherDataSetWithTheWayOut() throws IOException {
        Path newest = write(3);
        String message = assertThrows(
                        ConfigException.class, () -> new ResumeChoice(run(TRAINED, "def")).choose(warnings::add))
                .getMessage();
        assertEquals(
                newest + " was trained on a data set whose manifest has SHA-256 abc, that of --data /data/videos has"
                        + " def; give the data set of before, or begin a run with this one: --resume " + newest
                        + " --run NEW",
                message);
        assertTrue(Files.isDirectory(newest));
    }
}
