package io.kinema.train.evaluate;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.DeviceFlags;
import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.CaptionMix;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;

/** {@code launch/evaluate.sh}: the loss of a checkpoint on clips that it was not trained on. */
public final class Evaluate {
    private static final String SUMMARY = """
            measures a checkpoint's loss on clips that it was not trained on

            The loss is training's: the mean squared error over all values, at times that stand for equal \
            shares of those that
            training draws, with the caption that --caption-mix chooses. Noise and captions follow from the \
            clips' ids and --seed,
            so that two checkpoints are compared on the same; --baseline gives the difference and its interval. \
            Intervals are
            95 % intervals over source videos, which a data set of more of them narrows.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--checkpoint",
                order = 0,
                required = true,
                description = "Folder such as RUN/checkpoints/step-00000100, or a file that launch/checkpoint.sh"
                        + " export wrote")
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
                                + " absent. " + CaptionBytes.READ)
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

        @ParametersDelegate
        private final DeviceFlags device = new DeviceFlags("fp32");

        @Parameter(
                names = "--baseline",
                order = 22,
                description = "File that --output of another evaluation wrote, with the same clips, times and seed")
        private String baseline = "";

        @Parameter(names = "--output", order = 23, description = "File (CSV) for the loss of each clip at each time")
        private String output = "";
    }

    private final Flags flags;
    private final TrainedWeights trained;
    private final SpacetimeDit model;

    private Evaluate(Flags flags) throws IOException {
        this.flags = flags;
        this.trained = TrainedWeights.open(Path.of(flags.checkpoint), flags.weights);
        this.model = new SpacetimeDit(trained.config().model().toConfig(), Recompute.BLOCKS);
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

    /**
     * Checks flags as {@link #run} would, without looking at what they name.
     *
     * @param args the flags
     * @throws ConfigException on a mistake in them
     */
    public static void check(List<String> args) {
        Flags flags = new Flags();
        if (new CommandLine("launch/evaluate.sh", SUMMARY, flags).parse(args.toArray(String[]::new))) {
            check(flags);
        }
    }

    private static void check(Flags flags) {
        CommandLine.requireRange("--clips", flags.clips, 0, Integer.MAX_VALUE);
        CommandLine.requireRange("--times", flags.times, 1, NoisePrediction.TIMES);
        CommandLine.requireRange("--tokens", flags.tokens, 1, Integer.MAX_VALUE);
        CaptionMix.parse(flags.captionDropout, flags.captionMix);
        if (!flags.weights.isEmpty()) {
            WeightsKind.parse(flags.weights);
        }
        if (!flags.output.isEmpty()) {
            CommandLine.requireWritable("--output", Path.of(flags.output));
        }
    }

    private void run() throws IOException {
        LossTable baseline = flags.baseline.isEmpty() ? null : LossTable.read("--baseline", Path.of(flags.baseline));
        HeldOutLoss.Settings settings = new HeldOutLoss.Settings(
                CaptionMix.parse(flags.captionDropout, flags.captionMix), flags.times, flags.tokens, flags.seed);
        Objective diffusion =
                Objective.named(trained.config().diffusion(), trained.config().timeShift());
        LossTable table;
        String name;
        try (Dataset data = Dataset.open(flags.data)) {
            List<ClipEntry> clips = clips(data);
            if (baseline != null) {
                List<Double> times = HeldOutLoss.mixtures(diffusion, flags.times).stream()
                        .map(Objective.Mixture::tau)
                        .toList();
                baseline.requireBaselineOf(clips, times, flags.seed);
            }
            name = lossName(data);
            table = measure(data, clips, diffusion, settings);
        }
        if (!flags.output.isEmpty()) {
            table.write(Path.of(flags.output));
        }
        System.out.print(table.summary(name));
        if (baseline != null) {
            LossTable.Estimate difference = table.minus(baseline);
            System.out.println("minus the baseline's " + difference.text() + ": " + difference.verdict());
        }
    }

    /** Clips that the checkpoint was trained on are not held out. */
    private String lossName(Dataset data) {
        if (!data.sha256().equals(trained.dataSha256())) {
            return "held-out loss";
        }
        System.err.println("warning: --data " + flags.data + " is the data set that the checkpoint was trained on: its"
                + " loss says nothing about other clips; give clips that were held out");
        return "loss on the training set";
    }

    private LossTable measure(Dataset data, List<ClipEntry> clips, Objective diffusion, HeldOutLoss.Settings settings)
            throws IOException {
        DeviceConfig config = flags.device.resolve(1);
        requireRoom(clips, config);
        long blocks = (long) clips.size() * flags.times * model.config().depth();
        try (Device device = Devices.open(config);
                ProgressBar bar = ProgressDisplay.bar("Evaluating", "blocks", blocks)) {
            HeldOutLoss loss = new HeldOutLoss(
                    model, diffusion, device, trained.load(model.layout(), device), settings, bar::stepBy);
            List<LossTable.Row> rows = new ArrayList<>();
            for (ClipEntry entry : clips) {
                rows.addAll(loss.of(data.read(entry)));
                bar.setExtraMessage(" " + rows.size() / flags.times + "/" + clips.size() + " clips");
            }
            LossTable table = new LossTable(rows);
            loss.captionCuts()
                    .text("captions", "the model was told")
                    .ifPresent(cut -> System.err.println("warning: " + cut));
            return table;
        }
    }

    /** Refuses what memory does not hold, before any of the work. */
    private void requireRoom(List<ClipEntry> clips, DeviceConfig config) throws IOException {
        ClipTokens tokens = model.config().tokens();
        long largest = 0;
        long together = 0;
        long frames = 0;
        for (ClipEntry clip : clips) {
            long ofClip = tokens.grid(clip).tokens();
            largest = Math.max(largest, ofClip);
            together = Math.max(together, HeldOutLoss.tokensTogether(ofClip, flags.times, flags.tokens));
            frames = Math.max(frames, (long) Clip.CHANNELS * clip.numFrames() * clip.height() * clip.width());
        }
        long heapBytes = Float.BYTES * tokens.values() * (2 * together + largest) + frames;
        String advice = together > largest
                ? "give fewer --tokens (now " + flags.tokens + ")"
                : "give smaller clips, by launch/prepare.sh --max-pixels or --clip-seconds";
        HeldOutLoss.memory(model, config).require("evaluating", together, heapBytes, advice);
    }

    private List<ClipEntry> clips(Dataset data) {
        List<ClipEntry> clips = data.clips();
        if (clips.isEmpty()) {
            throw new ConfigException("--data " + flags.data + " holds no clip; prepare some");
        }
        if (flags.clips > 0) {
            clips = clips.subList(0, Math.min(flags.clips, clips.size()));
        }
        return clips;
    }
}
