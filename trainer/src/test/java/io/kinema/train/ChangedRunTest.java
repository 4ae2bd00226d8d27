package io.kinema.train;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Manifest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a run whose files somebody edits while it goes on. */
class ChangedRunTest {
    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static LaunchedProgram start(Path run) throws Exception {
        return start(run, data);
    }

    private static LaunchedProgram start(Path run, Path data) throws Exception {
        String flags = "--model 2x24x2 --caption-model 1x16x2 --patch 2x4x4 --microbatches 2 --tokens 40 --steps 12"
                + " --checkpoint-every 3 --sample-steps 0 --device nd4j --precision fp32 --threads 1 --ranks 2"
                + " --data " + data + " --run " + run;
        return LaunchedProgram.start(Train.class, root.resolve("work"), flags.split(" "));
    }

    @Test
    void shouldStartAgainWithTheFlagsOfTheLaunchWhateverRunArgsSays() throws Exception {
        Path run = root.resolve("args");
        try (LaunchedProgram training = start(run)) {
            training.awaitOutput("step 4/12");
            Files.writeString(run.resolve("run.args"), "these are no flags\n");
            training.kill(1);
            String output = training.expectExit(0);
            assertTrue(output.contains("restart 1 of 3: rank 1 was ended by SIGKILL"), output);
            assertTrue(output.contains("step 12/12"), output);
        }
    }

    @Test
    void shouldRefuseToStartAgainWithAnotherDataSetInThePlaceOfTheFirst() throws Exception {
        Path run = root.resolve("other-data");
        Path replaced = TinyData.write(root.resolve("replaced"), 1);
        Path other = TinyData.write(root.resolve("other"), 2);
        try (LaunchedProgram training = start(run, replaced)) {
            training.awaitOutput("step 4/12");
            // Ranks go on with the shards that they have opened.
            Files.copy(other.resolve(Manifest.FILE), replaced.resolve(Manifest.FILE), REPLACE_EXISTING);
            training.kill(1);
            String output = training.expectExit(2);
            assertTrue(
                    output.contains("error: rank 1 was ended by SIGKILL") && output.contains("cannot be started again"),
                    output);
            assertTrue(output.contains("--data " + replaced + " has a manifest with SHA-256 "), output);
            assertTrue(
                    output.contains("--resume " + run.resolve("checkpoints")) && output.contains("--run NEW"), output);
        }
    }

    @Test
    void shouldRefuseToStartAgainWithAChangedDescription() throws Exception {
        Path run = root.resolve("json");
        Path description = run.resolve("run.json");
        try (LaunchedProgram training = start(run)) {
            training.awaitOutput("step 4/12");
            String text = Files.readString(description);
            assertTrue(text.contains("\"steps\" : 12,"), text);
            Files.writeString(description, text.replace("\"steps\" : 12,", "\"steps\" : 13,"));
            training.kill(1);
            String output = training.expectExit(2);
            assertTrue(output.contains("restart 1 of 3: rank 1 was ended by SIGKILL"), output);
            // Of rank 0, whose output is shown, and of the launcher.
            List<String> errors = output.substring(output.indexOf("restart 1 of 3"))
                    .lines()
                    .filter(line -> line.startsWith("error: "))
                    .distinct()
                    .toList();
            assertEquals(1, errors.size(), output);
            assertTrue(errors.getFirst().contains(description + " has SHA-256 "), output);
            assertTrue(errors.getFirst().contains(": the file was changed while the run goes on"), output);
        }
    }
}
