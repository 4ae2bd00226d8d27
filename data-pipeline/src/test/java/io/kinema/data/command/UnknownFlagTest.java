package io.kinema.data.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class UnknownFlagTest {
    private static final Set<String> TRAIN = Set.of(
            "--data",
            "--run",
            "--nodes",
            "--tokens",
            "--microbatches",
            "--learning-rate",
            "--warmup",
            "--zero",
            "--wire",
            "--window",
            "--model",
            "--ema-decay",
            "--steps");

    private static String of(String flag) {
        return UnknownFlag.message(flag, TRAIN);
    }

    @Test
    void shouldNameOnlyFlagsThatAreNear() {
        assertEquals("unknown flag --lerning-rate; did you mean --learning-rate?", of("--lerning-rate"));
        assertEquals("unknown flag --learn; did you mean --learning-rate?", of("--learn"));
        assertEquals("unknown flag --micro; did you mean --microbatches?", of("--micro"));
        assertEquals("unknown flag --learning_rate; did you mean --learning-rate?", of("--learning_rate"));
        assertEquals("unknown flag --training.steps; did you mean --steps?", of("--training.steps"));
        assertEquals("unknown flag --date; did you mean --data?", of("--date"));
        assertEquals("unknown flag --banana", of("--banana"));
        assertEquals("unknown flag --rn", of("--rn"));
        assertEquals("unknown flag --we", of("--we"));
    }

    @Test
    void shouldAnswerFlagsOfOthersByName() {
        assertEquals("unknown flag --lr: the peak of the learning rate is --learning-rate", of("--lr"));
        assertEquals("unknown flag --nproc_per_node: how many ranks there are is --nodes", of("--nproc_per_node"));
        assertTrue(of("--batch-size").contains("--tokens") && of("--batch-size").contains("--microbatches"));
        assertTrue(of("--wandb").contains("metrics.jsonl"), of("--wandb"));
        assertTrue(of("--lora-rank").contains("there is no LoRA"), of("--lora-rank"));
        assertEquals("unknown flag --output-dir: it is --run", of("--output-dir"));
        assertEquals(
                "unknown flag --output-dir: it is --output",
                UnknownFlag.message("--output-dir", Set.of("--output", "--checkpoint")));
        // A command without a learning rate does not name one.
        assertEquals("unknown flag --lr", UnknownFlag.message("--lr", Set.of("--output")));
    }

    /** The flags that annotations of all modules declare. */
    private static Set<String> realFlags() throws IOException {
        Path root = Path.of("").toAbsolutePath();
        while (Files.notExists(root.resolve("launch"))) {
            root = root.getParent();
        }
        Pattern names = Pattern.compile("\\bnames =\\s*(\\{[^}]*}|\"[^\"]*\")");
        Pattern flag = Pattern.compile("\"(--[a-z-]+)\"");
        Set<String> flags = new TreeSet<>();
        for (String module : List.of("data-pipeline", "recaption", "trainer", "benchmarks")) {
            try (Stream<Path> files = Files.walk(root.resolve(module).resolve("src/main/java"))) {
                for (Path file :
                        files.filter(path -> path.toString().endsWith(".java")).toList()) {
                    names.matcher(Files.readString(file))
                            .results()
                            .forEach(found ->
                                    flag.matcher(found.group()).results().forEach(name -> flags.add(name.group(1))));
                }
            }
        }
        return flags;
    }

    @Test
    void shouldAnswerWithFlagsThatExistForFlagsThatDoNot() throws IOException {
        Set<String> real = realFlags();
        assertTrue(real.containsAll(Set.of("--learning-rate", "--nodes", "--ranks", "--max-pixels")), real.toString());
        for (UnknownFlag.Elsewhere entry : UnknownFlag.ELSEWHERE) {
            assertTrue(real.containsAll(entry.flags()), entry.answer());
            assertTrue(entry.isFor(real), entry.answer());
            for (String name : entry.names().split(" ")) {
                assertTrue(name.matches("[a-z0-9-]+"), name);
            }
        }
    }
}
