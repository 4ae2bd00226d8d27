package io.kinema.benchmarks;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** Prints a checkpoint's loss on the inputs of {@link Formulas}, as {@code peers/check_checkpoint.py} does. */
public final class CheckpointLoss {
    @Parameter(
            names = "--checkpoint",
            required = true,
            description = "Folder such as RUN/checkpoints/step-00000100, or RUN, or an exported file")
    private String checkpoint = "";

    @Parameter(names = "--device", description = "Where tensors live: cpu or nd4j; the best here if absent")
    private String device = "";

    private CheckpointLoss() {}

    /**
     * Prints the loss.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> {
            CheckpointLoss command = new CheckpointLoss();
            if (new CommandLine("benchmarks/run.sh loss", "prints a checkpoint's loss on fixed inputs", command)
                    .parse(args)) {
                System.out.println(String.format(Locale.ROOT, "loss %.9f", command.loss()));
            }
            return 0;
        }));
    }

    private double loss() throws IOException {
        Path path = Path.of(checkpoint);
        TrainedWeights from = TrainedWeights.open(path, Files.isRegularFile(path) ? "" : "model");
        SpacetimeDit model = new SpacetimeDit(from.config().model().toConfig());
        Objective diffusion =
                Objective.named(from.config().diffusion(), from.config().timeShift());
        try (Device on = Devices.open(device)) {
            ParameterSet weights = from.load(model.layout(), on);
            Microbatch batch = Formulas.microbatch(model.config().tokens(), diffusion);
            try (Device.Scope _ = on.openScope()) {
                return Arrays.stream(on.read(new DiffusionLoss(model, on).forward(weights, batch)))
                                .sum()
                        / batch.numValues(model.config().tokens());
            }
        }
    }
}
