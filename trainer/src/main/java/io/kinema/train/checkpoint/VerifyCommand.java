package io.kinema.train.checkpoint;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** {@code launch/checkpoint.sh verify}: reads every file of one checkpoint, or of all of a run, against its SHA-256. */
final class VerifyCommand {
    private static final int DAMAGED = 1;

    private static final class Flags {
        @Parameter(description = "CHECKPOINT|RUN")
        private List<String> folders = new ArrayList<>();
    }

    private VerifyCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                CheckpointCommand.PROGRAM + " verify",
                "reads every file of a checkpoint, or of all checkpoints of a run, against its SHA-256 and names those"
                        + " that are damaged; the exit code is 1 if any is",
                flags);
        if (!line.parse(args)) {
            return 0;
        }
        Path path = CheckpointCommand.folders("verify", flags.folders, 1).getFirst();
        Optional<String> lostLatest = Optional.empty();
        List<Path> checkpoints = List.of(path);
        if (!CheckpointFolder.isCheckpoint(path)) {
            CheckpointFolder folder = CheckpointFolder.of(path);
            checkpoints = folder.list();
            if (checkpoints.isEmpty()) {
                throw new ConfigException(
                        "no checkpoints in " + folder.path() + "; name a run, or one of its checkpoints");
            }
            lostLatest = folder.lostLatest();
        }
        int numDamaged = 0;
        for (Path checkpoint : checkpoints) {
            List<String> problems = problems(checkpoint);
            numDamaged += problems.isEmpty() ? 0 : 1;
            System.out.println(checkpoint + (problems.isEmpty() ? " is whole" : " is damaged:"));
            problems.forEach(problem -> System.out.println("  " + problem));
        }
        lostLatest.ifPresent(System.out::println);
        if (checkpoints.size() > 1) {
            System.out.println(numDamaged + " of " + checkpoints.size() + " checkpoints are damaged");
        }
        return numDamaged > 0 || lostLatest.isPresent() ? DAMAGED : 0;
    }

    /** What is wrong with the files of a checkpoint, in a line each. */
    private static List<String> problems(Path checkpoint) {
        Optional<String> lacking = Checkpoint.lacking(checkpoint);
        if (lacking.isPresent() && lacking.get().equals(CheckpointManifest.FILE)) {
            return List.of(CheckpointManifest.FILE + " is missing, and with it what vouches for the others");
        }
        List<String> problems = new ArrayList<>();
        try {
            CheckpointManifest manifest = CheckpointManifest.read(checkpoint);
            manifest.requireVersion(checkpoint);
            try (ReadProgress progress = ReadProgress.of("verifying", manifest.totalBytes())) {
                for (String name : manifest.expectedFiles()) {
                    manifest.problem(checkpoint, name, progress).ifPresent(what -> problems.add(name + " " + what));
                }
            }
        } catch (IOException e) {
            problems.add(e.getMessage());
        }
        return problems;
    }
}
