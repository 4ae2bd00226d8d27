package io.kinema.train.checkpoint;

import io.kinema.data.command.Command;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * The command {@code launch/checkpoint.sh}: checkpoints listed, verified, compared, and made into one file to sample
 * from.
 */
public final class CheckpointCommand {
    static final String PROGRAM = "launch/checkpoint.sh";

    private static final double BYTES_PER_MEGABYTE = 1e6;
    private static final String USAGE = """
            %1$s — looks after the checkpoints of launch/train.sh

            usage: %1$s list RUN
                   %1$s verify CHECKPOINT|RUN
                   %1$s diff CHECKPOINT CHECKPOINT
                   %1$s export CHECKPOINT --output FILE.safetensors [flags]

              list
                  Say of each checkpoint of a run when it was written, how large it is, and whether all of it is there
              verify
                  Read every file against its SHA-256 and name those that are damaged
              diff
                  Say what differs between two checkpoints: configuration, and each tensor
              export
                  Write the weights to one file that launch/sample.sh and Python read

            RUN is a run's folder, or its checkpoints/; CHECKPOINT one such as RUN/checkpoints/step-00000100,
            or RUN for its newest.
            Each command explains itself: %1$s list --help
            """;

    private CheckpointCommand() {}

    /**
     * Runs the command and ends the JVM with its exit code.
     *
     * @param args {@code list …}, {@code verify …}, {@code diff …} or {@code export …}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws Exception {
        return Command.run(
                PROGRAM,
                USAGE.formatted(PROGRAM),
                List.of(
                        new Command("list", ListCommand::run),
                        new Command("verify", VerifyCommand::run),
                        new Command("diff", DiffCommand::run),
                        new Command("export", ExportCommand::run)),
                args);
    }

    /** The folders that a command is given, as many as it takes. */
    static List<Path> folders(String command, List<String> given, int count) {
        if (given.size() != count) {
            throw new ConfigException(command + " takes " + (count == 1 ? "one folder" : count + " folders") + ", not "
                    + given.size() + "; see " + PROGRAM + " " + command + " --help");
        }
        return given.stream().map(Path::of).toList();
    }

    static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,.1f", bytes / BYTES_PER_MEGABYTE);
    }
}
