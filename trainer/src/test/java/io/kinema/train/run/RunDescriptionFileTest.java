package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The file that ranks read in place of flags: all of a run, and nothing that was changed. */
class RunDescriptionFileTest {
    private static final String OTHERS = "--device cpu --precision bf16 --threads 3 --nodes 4 --min-nodes 2 --zero 3"
            + " --reduction fast --wire bf16 --recompute blocks --caption-mix short:0.3,original:0.7 --caption-dropout"
            + " 0.15 --learning-rate 1.7e-4 --diffusion ddpm-cosine --spike-sigma 6 --keep-last 2 --keep-every 1000"
            + " --checkpoint-async --transport udp --secret-file none --hosts hosts --memory-per-node 900"
            + " --resume never";

    @TempDir
    Path folder;

    private RunDescription describe(String flags) {
        TrainFlags given = FlagText.parse(flags);
        RunFiles files = new RunFiles(folder.toString(), "/data/videos", "ab12");
        return RunDescription.of(given, RunSettings.ofThisHost(given), files);
    }

    /** Changes the file as somebody may who also knows the digest. */
    private static RunDescriptionFile rewrite(RunDescriptionFile file, String text) throws IOException {
        Files.writeString(file.path(), text);
        return new RunDescriptionFile(file.path(), Sha256.of(text.getBytes(StandardCharsets.UTF_8)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--model debug", "--model 6x256x4 --caption-model 2x64x2 --patch 1x4x4 " + OTHERS})
    void shouldReadTheRunThatItWrote(String flags) throws IOException {
        RunDescription run = describe(flags);
        RunDescriptionFile file = RunDescriptionFile.write(run);

        assertEquals(folder.resolve("run.json"), file.path());
        assertEquals(run, file.read());
        assertEquals(
                List.copyOf(run.settings().recipe().captions().shares().keySet()),
                List.copyOf(file.read().settings().recipe().captions().shares().keySet()),
                "the order of styles decides which caption is drawn");
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(List.of(file.path()), files.toList());
        }
    }

    @Test
    void shouldTakeThePlaceOfTheFileOfTheLaunchBefore() throws IOException {
        RunDescriptionFile before = RunDescriptionFile.write(describe("--model debug"));
        RunDescriptionFile after = RunDescriptionFile.write(describe("--model debug --steps 7"));

        assertFalse(before.isAsWritten());
        assertTrue(after.isAsWritten());
        assertEquals(7, after.read().settings().recipe().steps());
    }

    @Test
    void shouldHoldFlagsThatMeanTheSame() {
        RunDescription run = describe("--model debug " + OTHERS);
        String flags = String.join(" ", run.flags());

        assertTrue(flags.contains("--nodes 4 ") && !flags.contains("--ranks"), flags);
        assertTrue(flags.contains("--hosts " + Path.of("hosts").toAbsolutePath() + " "), flags);
        assertEquals(run.settings(), FlagText.settings(flags));
    }

    @Test
    void shouldTakeRanksForNodes() {
        assertEquals(FlagText.settings("--nodes 3"), FlagText.settings("--ranks 3"));
        assertEquals(FlagText.settings("--nodes 3"), FlagText.settings("--nodes 2 --ranks 3"));
        assertEquals(FlagText.settings("--nodes 3"), FlagText.settings("--ranks 2 --nodes 3"));
    }

    @Test
    void shouldRefuseAFileThatWasChanged() throws IOException {
        RunDescriptionFile file = RunDescriptionFile.write(describe("--model debug"));
        String text = Files.readString(file.path()).replace("\"seed\" : 1", "\"seed\" : 2");
        String found = rewrite(file, text).sha256();

        String message = assertThrows(ConfigException.class, file::read).getMessage();
        assertEquals(
                file.path() + " has SHA-256 " + found + ", the launcher wrote " + file.sha256()
                        + ": the file was changed while the run goes on; stop the run, and give flags to"
                        + " launch/train.sh",
                message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "seed" : 1,     |                         | , at settings.recipe.seed: missing
            "seed" : 1,     | "seed" : 1, "sead" : 1, | , at settings.recipe.sead: unrecognized
            "OPTIMIZER"     | "WEIGHTS"               | , at settings.ranks.zero: cannot
            "numRanks" : 1, | "numRanks" : null,      | , at settings.ranks.numRanks: cannot
            "flags" : [     | "flags" : [ [,          | , line
            """)
    void shouldRefuseWhatIsNoDescription(String before, String after, String reason) throws IOException {
        RunDescriptionFile file = RunDescriptionFile.write(describe("--model debug"));
        String text = Files.readString(file.path());
        assertTrue(text.contains(before), text);
        RunDescriptionFile damaged = rewrite(file, text.replace(before, after == null ? "" : after));

        String message = assertThrows(IOException.class, damaged::read).getMessage();
        String start = file.path() + " is no description of a run" + reason;
        assertTrue(message.toLowerCase().startsWith(start.toLowerCase()), message);
        assertEquals(1, message.lines().count(), message);
    }

    @Test
    void shouldRefuseATruncatedFile() throws IOException {
        RunDescriptionFile file = RunDescriptionFile.write(describe("--model debug"));
        String text = Files.readString(file.path());
        for (int length : new int[] {0, 1, text.length() / 2, text.length() - 3}) {
            RunDescriptionFile damaged = rewrite(file, text.substring(0, length));
            assertThrows(IOException.class, damaged::read, "of " + length + " bytes");
        }
    }

    @Test
    void shouldRefuseAnotherVersionBeforeAnythingElse() throws IOException {
        RunDescriptionFile file = RunDescriptionFile.write(describe("--model debug"));
        RunDescriptionFile other = rewrite(file, "{\"formatVersion\": 2, \"news\": []}");

        String message = assertThrows(ConfigException.class, other::read).getMessage();
        assertEquals(
                file.path() + " has format version 2, this program reads 1; start launcher and ranks from one build",
                message);
    }

    @Test
    void shouldRefuseValuesThatNoFlagCouldHave() throws IOException {
        RunDescriptionFile file = RunDescriptionFile.write(describe("--model debug"));
        String text = Files.readString(file.path()).replace("\"numRanks\" : 1,", "\"numRanks\" : 99,");
        RunDescriptionFile other = rewrite(file, text);

        String message = assertThrows(ConfigException.class, other::read).getMessage();
        assertEquals("--microbatches 8 is less than --nodes 99; raise --microbatches or lower --nodes", message);
    }

    @Test
    void shouldNameWhatTwoRunsHaveNotInCommon() throws IOException {
        String flags = "--model debug --device cpu --precision fp32 --threads 1 --nodes 2";
        Map<String, String> common = common(flags);
        assertEquals("OPTIMIZER", common.get("ranks.zero"));
        assertEquals("FP32", common.get("ranks.device.precision"));
        assertEquals("true", common.get("recipe.reduction.isExact"));
        assertEquals("60", common.get("exchange.timeoutSeconds"));

        expectDifferences(Set.of("ranks.zero"), common, flags + " --zero 2");
        expectDifferences(Set.of("ranks.recompute"), common, flags + " --recompute blocks");
        expectDifferences(Set.of("ranks.device.precision", "recipe.precision"), common, flags + " --precision bf16");
        expectDifferences(Set.of("recipe.reduction.isExact"), common, flags + " --reduction fast");
        expectDifferences(Set.of("checkpoints.every"), common, flags + " --checkpoint-every 7");
        expectDifferences(Set.of(), common, flags + " --sample-prompt rain");
    }

    private Map<String, String> common(String flags) throws IOException {
        RunDescription run = describe(flags);
        return RunDescriptionFile.write(run).common(run);
    }

    private void expectDifferences(Set<String> names, Map<String, String> common, String flags) throws IOException {
        Map<String, String> other = common(flags);
        Set<String> found = new HashSet<>(common.keySet());
        found.removeIf(name -> common.get(name).equals(other.get(name)));
        assertTrue(found.remove("SHA-256 of run.json"), "the digest is of all");
        assertEquals(names, found);
    }

    @Test
    void shouldRefuseDataThatIsNotTheLaunchers() {
        RunFiles files = describe("--model debug").files();
        files.requireData("ab12");
        String message = assertThrows(ConfigException.class, () -> files.requireData("cd34"))
                .getMessage();
        assertTrue(message.startsWith(
                "--data /data/videos has a manifest with SHA-256 cd34 now, the run began with ab12"));
        assertTrue(message.endsWith("--resume " + folder.resolve("checkpoints/step-NUMBER") + " --run NEW"), message);
    }
}
