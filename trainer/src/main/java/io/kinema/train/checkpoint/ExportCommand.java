package io.kinema.train.checkpoint;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.OutputFile;
import io.kinema.train.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code launch/checkpoint.sh export}: the weights of a checkpoint as one file to sample from, a {@link ModelFile}. */
final class ExportCommand {
    private static final class Flags {
        @Parameter(description = "CHECKPOINT")
        private List<String> folders = new ArrayList<>();

        @Parameter(
                names = "--output",
                order = 0,
                required = true,
                placeholder = "FILE.safetensors",
                description = "File to write")
        private String output = "";

        @Parameter(
                names = "--weights",
                order = 1,
                placeholder = "KIND",
                description = "ema (the average) or model (as trained last)")
        private String weights = "ema";

        @Parameter(
                names = "--precision",
                order = 2,
                placeholder = "TYPE",
                description = "fp32 (as in the checkpoint), or bf16 (half the size; rounded to the nearest)")
        private String precision = "fp32";

        @Parameter(names = "--force", order = 3, description = "Replace the file if there is one")
        private boolean force;
    }

    private ExportCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                CheckpointCommand.PROGRAM + " export",
                "writes the weights of a checkpoint, with all that sampling has to know of the model, to one"
                        + " safetensors"
                        + " file for launch/sample.sh --checkpoint FILE and for Python",
                flags);
        if (!line.parse(args)) {
            return 0;
        }
        Path folder = CheckpointCommand.folders("export", flags.folders, 1).getFirst();
        WeightsKind kind = WeightsKind.parse(flags.weights);
        DType stored = stored(flags.precision);
        Path output = Path.of(flags.output);
        requireWritable(output, flags.force);
        Checkpoint checkpoint = Checkpoint.open(CheckpointFolder.newestAt(folder));
        ModelFile.write(checkpoint, kind, stored, output);
        System.out.println(output.toAbsolutePath().normalize() + ": " + kind.flag() + " of step "
                + checkpoint.state().step() + " in " + flags.precision + ", "
                + CheckpointCommand.megabytes(Files.size(output)) + " MB");
        return 0;
    }

    private static DType stored(String precision) {
        return switch (precision) {
            case "fp32" -> DType.FP32;
            case "bf16" -> DType.BF16;
            default -> throw new ConfigException("--precision " + precision + " is not known; use fp32 or bf16");
        };
    }

    private static void requireWritable(Path output, boolean force) {
        if (!output.toString().endsWith(ModelFile.EXTENSION)) {
            throw new ConfigException("--output " + output + " does not end in " + ModelFile.EXTENSION);
        }
        Path parent = output.toAbsolutePath().normalize().getParent();
        if (CheckpointFolder.isCheckpoint(parent)) {
            throw new ConfigException("--output " + output + " is inside a checkpoint; choose a place outside of it");
        }
        OutputFile.requireNew("--output", output, force);
    }
}
