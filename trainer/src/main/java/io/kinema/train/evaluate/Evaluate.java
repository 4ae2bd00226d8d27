package io.kinema.train.evaluate;

import com.beust.jcommander.Parameter;
import io.kinema.data.CommandLine;
import io.kinema.data.ConfigException;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.CaptionMix;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.diffusion.Diffusion;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.DeviceConfig;
import io.kinema.train.tensor.Devices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;

/** {@code launch/evaluate.sh}: the loss of a checkpoint on clips that it was not trained on. */
public final class Evaluate {
    private static final String SUMMARY = """
            measures a checkpoint's loss on clips that it was not trained on

            The loss is training's: the mean squared error over all values, at times that stand for equal shares of those that
            training draws, with the caption that --caption-mix chooses. Noise and captions follow from the clips' ids and --seed,
            so that two checkpoints are compared on the same; --baseline gives the difference and its interval. Intervals are
            95 % intervals over source videos, which a data set of more of them narrows.\
            """;

    /** So many does a model that predicts noise know. */
    private static final int MAX_TIMES = NoisePrediction.TIMES;

    private static final class Flags {
        @Parameter(
                names = "--checkpoint",
                order = 0,
                required = true,
                description =
                        "Folder such as RUN/checkpoints/step-00000100, or a file that launch/checkpoint.sh export wrote")
        private String checkpoint = "";

        @Parameter(
                names = "--data",
                order = 1,
                required = true,
                description = "Prepared data set of clips that were not trained on; the model's patch must divide them")
        private String data = "";

        @Parameter(names = "--clips", order = 2, description = "Only the first so many clips; 0 takes all")
        private int clips;

        @Parameter(names = "--times", order = 3, description = "Times at which each clip's loss is measured")
        private int times = 16;

        @Parameter(
                names = "--caption-mix",
                order = 4,
                description =
                        "Which captions the model is told, such as original:0.05,detailed:0.75,short:0.2; the first if"
                                + " absent")
        private String captionMix = "";

        @Parameter(
                names = "--caption-dropout",
                order = 5,
                description = "Share of clips of which the model is told nothing; 1 measures it without captions")
        private double captionDropout;

        @Parameter(names = "--seed", order = 6, description = "Seed of noise and captions")
        private long seed = 1;

        @Parameter(
                names = "--weights",
                order = 7,
                description =
                        "ema (the average) or model (as trained last); if absent ema, or what an exported file holds")
        private String weights = "";

        @Parameter(
                names = "--tokens",
                order = 8,
                description = "The most tokens that go through the network together; what it takes in memory")
        private int tokens = 4096;

        @Parameter(names = "--device", order = 9, description = "cpu or nd4j; cpu where it runs if absent")
        private String device = "";

        @Parameter(
                names = "--precision",
                order = 10,
                description = "bf16, fp16 or fp32, as in launch/train.sh; compare checkpoints in the same")
        private String precision = "fp32";

        @Parameter(names = "--threads", order = 11, description = "Threads that compute; 0 takes all processors")
        private int threads;

        @Parameter(
                names = "--baseline",
                order = 12,
                description = "File that --output of another evaluation wrote, with the same clips, times and seed")
        private String baseline = "";

        @Parameter(names = "--output", order = 13, description = "File (CSV) for the loss of each clip at each time")
        private String output = "";
    }

    private final Flags flags;
    private final TrainedWeights trained;
    private final SpacetimeDit model;

    private Evaluate(Flags flags) throws IOException {
        this.flags = flags;
        this.trained = TrainedWeights.open(Path.of(flags.checkpoint), flags.weights);
        this.model = new SpacetimeDit(trained.config().model().toConfig());
    }

    /**
     * Runs the command.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if checkpoint or clips are damaged, or the table cannot be written
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (new CommandLine("launch/evaluate.sh", SUMMARY, flags).parse(args)) {
            check(flags);
            new Evaluate(flags).run();
        }
        return 0;
    }

    private static void check(Flags flags) {
        requireAtLeast("--clips", flags.clips, 0);
        requireAtLeast("--times", flags.times, 1);
        if (flags.times > MAX_TIMES) {
            throw new ConfigException("--times " + flags.times + " is above " + MAX_TIMES);
        }
        requireAtLeast("--tokens", flags.tokens, 1);
        if (!flags.output.isEmpty()) {
            Path parent = Path.of(flags.output).toAbsolutePath().getParent();
            if (!Files.isDirectory(parent) || !Files.isWritable(parent) || Files.isDirectory(Path.of(flags.output))) {
                throw new ConfigException("--output " + flags.output + " is not a file that can be written in " + parent
                        + "; give the name of a file in a folder that is there");
            }
        }
    }

    private static void requireAtLeast(String flag, int value, int least) {
        if (value < least) {
            throw new ConfigException(flag + " " + value + " is less than " + least);
        }
    }

    private void run() throws IOException {
        LossTable baseline = flags.baseline.isEmpty() ? null : LossTable.read(Path.of(flags.baseline));
        HeldOutLoss.Settings settings = new HeldOutLoss.Settings(
                CaptionMix.parse(flags.captionDropout, flags.captionMix), flags.times, flags.tokens, flags.seed);
        Diffusion diffusion =
                Diffusion.named(trained.config().diffusion(), trained.config().timeShift());
        DeviceConfig deviceConfig = DeviceConfig.resolve(flags.device, flags.precision, flags.threads, 1);
        LossTable table;
        try (Dataset data = Dataset.open(flags.data);
                Device device = Devices.open(deviceConfig)) {
            HeldOutLoss loss =
                    new HeldOutLoss(model, diffusion, device, trained.load(model.layout(), device), settings);
            table = new LossTable(rows(data, loss));
        }
        if (!flags.output.isEmpty()) {
            table.write(Path.of(flags.output));
        }
        System.out.print(table.summary());
        if (baseline != null) {
            System.out.print(LossTable.describe(table.minus(baseline)));
        }
    }

    private List<LossTable.Row> rows(Dataset data, HeldOutLoss loss) throws IOException {
        List<ClipEntry> clips = data.clips();
        if (clips.isEmpty()) {
            throw new ConfigException("--data " + flags.data + " holds no clip; prepare some");
        }
        if (flags.clips > 0) {
            clips = clips.subList(0, Math.min(flags.clips, clips.size()));
        }
        List<LossTable.Row> rows = new ArrayList<>();
        try (ProgressBar bar = CommandLine.progressBar("Evaluating", "clips", clips.size())) {
            for (ClipEntry entry : clips) {
                rows.addAll(loss.of(data.read(entry)));
                bar.step();
            }
        }
        return rows;
    }
}
