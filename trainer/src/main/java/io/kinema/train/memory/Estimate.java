package io.kinema.train.memory;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.metrics.GpuFlags;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Recompute;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunSettings;
import io.kinema.train.run.TrainFlags;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** {@code launch/estimate.sh}: what a video and a training cost, before either is made. */
public final class Estimate {
    private static final String SUMMARY = """
            says how many tokens a video is, and what sampling it and training on such videos cost

            Operations are those of all matrix products, attention and captions included. Memory is what a rank of
            launch/train.sh on the device cpu keeps from step to step: weights, sums of gradients, the \
            optimizer's state, the
            average. Activations, weights laid out for products and Java come on top; launch/train.sh prints all of it.\
            """;
    private static final double MILLION = 1e6;
    private static final int DEFAULT_MICROBATCHES = 8;

    private static final class Flags {
        @Parameter(names = "--model", order = 0, description = "Model size: debug, S, B, L, XL, or such as 6x256x4")
        private String model = "S";

        @Parameter(
                names = "--caption-model",
                order = 1,
                description = "Size of the caption encoder, such as 2x128x4; the model's own if absent")
        private String captionModel = "";

        @Parameter(
                names = "--patch",
                order = 2,
                description = "Of a token, frames x rows x columns, such as 1x80x60; the model's own if absent")
        private String patch = "";

        @Parameter(names = "--checkpoint", order = 3, description = "In place of these three: a checkpoint's model")
        private String checkpoint = "";

        @Parameter(
                names = "--compression",
                order = 4,
                description = "By an autoencoder before patches are cut, frames x rows x columns; 1x1x1 is none")
        private String compression = "1x1x1";

        @Parameter(names = "--seconds", order = 5, description = "Length of a video")
        private double seconds = 4;

        @Parameter(names = "--fps", order = 6, description = "Frames a second")
        private double fps = 8;

        @Parameter(names = "--width", order = 7, description = "Columns of a frame")
        private int width = 128;

        @Parameter(names = "--height", order = 8, description = "Rows of a frame")
        private int height = 128;

        @Parameter(names = "--caption-bytes", order = 9, description = "Length of a caption. " + CaptionBytes.READ)
        private int captionBytes = 100;

        @Parameter(names = "--steps", order = 10, description = "Sampler steps, each of two passes for guidance")
        private int steps = 25;

        @Parameter(names = "--training-tokens", order = 11, description = "Tokens of a training")
        private double trainingTokens = 1e9;

        @Parameter(
                names = {"--nodes", "--ranks"},
                order = 12,
                description =
                        "Ranks (processes) that share a training, for memory and time; --nodes and --ranks are the"
                                + " same")
        private int nodes = 1;

        @Parameter(
                names = "--microbatches",
                order = 13,
                description = "Of a step, some of whose gradients are kept for their exact sum; 8, or --nodes where"
                        + " they are more, if absent")
        private int microbatches;

        @Parameter(names = "--precision", order = 14, description = "Of the training: bf16 or fp32, for memory")
        private String precision = Precision.BF16.flag();

        @Parameter(
                names = "--price-per-million-tokens",
                order = 15,
                description = "What someone asks for a million tokens of a video; no price is said if absent")
        private double tokenPrice;

        @ParametersDelegate
        private final GpuFlags gpu = new GpuFlags();
    }

    private final Flags flags;
    private final DitConfig model;

    private Estimate(Flags flags, DitConfig model) {
        this.flags = flags;
        this.model = model;
    }

    /**
     * Runs the command.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine("launch/estimate.sh", SUMMARY, flags).parse(args)) {
            return 0;
        }
        CommandLine.requireRange("--seconds", flags.seconds, 0, 1e9);
        CommandLine.requireRange("--fps", flags.fps, 1e-6, 1e6);
        CommandLine.requireRange("--width", flags.width, 1, 1 << 20);
        CommandLine.requireRange("--height", flags.height, 1, 1 << 20);
        CommandLine.requireRange("--caption-bytes", flags.captionBytes, 1, 1 << 20);
        CommandLine.requireRange("--steps", flags.steps, 1, 1_000_000);
        CommandLine.requireRange("--training-tokens", flags.trainingTokens, 1, 1e30);
        CommandLine.requireRange("--nodes", flags.nodes, 1, 1 << 16);
        if (flags.microbatches == 0) {
            flags.microbatches = Math.max(DEFAULT_MICROBATCHES, flags.nodes);
        }
        CommandLine.requireRange("--microbatches", flags.microbatches, flags.nodes, 1 << 20);
        if (Precision.parse(flags.precision) == Precision.FP16) {
            throw new ConfigException(
                    "--precision fp16 is not of the device cpu, whose memory is said; use bf16 or fp32");
        }
        flags.gpu.check();
        CommandLine.requireRange("--price-per-million-tokens", flags.tokenPrice, 0, 1e9);
        System.out.print(new Estimate(flags, model(flags)).text());
        return 0;
    }

    private static DitConfig model(Flags flags) throws IOException {
        if (!flags.checkpoint.isEmpty()) {
            return TrainedWeights.open(Path.of(flags.checkpoint), "")
                    .config()
                    .model()
                    .toConfig();
        }
        DitConfig shape = DitConfig.parse(flags.model, flags.captionModel);
        return flags.patch.isEmpty() ? shape : shape.withPatch(Patch.parse(flags.patch));
    }

    private String text() {
        int frames = (int) Math.max(1, Math.round(flags.seconds * flags.fps));
        Patch compression = Patch.parse(flags.compression);
        Patch patch = model.tokens().patch();
        Patch ofVideo = new Patch(
                compression.frames() * patch.frames(),
                compression.height() * patch.height(),
                compression.width() * patch.width());
        if (frames > 1) {
            requireMultiple("frames", frames, ofVideo.frames());
        }
        requireMultiple("--height", flags.height, ofVideo.height());
        requireMultiple("--width", flags.width, ofVideo.width());
        Grid grid = ClipTokens.ofPixels(ofVideo).grid(frames, flags.height, flags.width);
        double tokens = (double) grid.t() * grid.h() * grid.w();
        CommandLine.requireRange("tokens", tokens, 1, Integer.MAX_VALUE);
        Packing video = Packing.of(List.of(grid), List.of(new int[flags.captionBytes]));
        StringBuilder text = new StringBuilder();
        long parameters = Workload.parameters(model);
        line(
                text,
                "model",
                "%dx%dx%d, patch %s, %,d parameters",
                model.depth(),
                model.width(),
                model.heads(),
                patch,
                parameters);
        line(
                text,
                "video",
                "%d frames of %dx%d: %,.0f tokens (%d x %d x %d)",
                frames,
                flags.width,
                flags.height,
                tokens,
                grid.t(),
                grid.h(),
                grid.w());
        if (flags.tokenPrice > 0) {
            line(
                    text,
                    "price",
                    "%.2f at %s a million tokens",
                    tokens / MILLION * flags.tokenPrice,
                    CommandLine.number(flags.tokenPrice));
        }
        double sampling = 2.0 * flags.steps * Flops.forward(model, video);
        line(text, "sampling it", "%.3g operations, %s", sampling, flags.gpu.text(sampling, 1));
        double training = flags.trainingTokens * Flops.training(model, video) / tokens;
        line(
                text,
                "training",
                "%.3g tokens, %.3g operations (6ND: %.3g), %s",
                flags.trainingTokens,
                training,
                6 * parameters * flags.trainingTokens,
                flags.gpu.text(training, flags.nodes));
        for (ZeroStage stage : ZeroStage.values()) {
            line(
                    text,
                    "memory, --zero " + stage.number(),
                    "%,.1f MB a rank of %d, and activations",
                    bytes(stage) / MILLION,
                    flags.nodes);
        }
        return text.toString();
    }

    /** What a rank keeps from step to step. */
    private double bytes(ZeroStage stage) {
        TrainFlags train = TrainFlags.parse("--microbatches", Integer.toString(flags.microbatches))
                .orElseThrow();
        Recipe config =
                RunSettings.ofThisHost(train).recipe().withModel(model).withPrecision(Precision.parse(flags.precision));
        DeviceConfig device = DeviceConfig.forEstimates(config.precision());
        RankMemory rank = RankMemory.ofRank(
                new RankMemory.Setup(config, Recompute.NONE, device, flags.nodes, stage, false), 0, List.of());
        return (double) rank.weightBytes() + rank.gradientBytes() + rank.optimizerBytes();
    }

    private static void requireMultiple(String what, int size, int part) {
        if (size % part != 0) {
            throw new ConfigException(what + " " + size + " does not divide into parts of " + part
                    + " (compression times patch); give " + Math.ceilDiv(size, part) * part);
        }
    }

    private static void line(StringBuilder text, String what, String format, Object... values) {
        text.append(String.format(Locale.ROOT, "%-18s ", what))
                .append(String.format(Locale.ROOT, format, values))
                .append('\n');
    }
}
