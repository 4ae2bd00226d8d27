package io.kinema.train.sweep;

import com.beust.jcommander.Parameter;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.evaluate.Evaluate;
import io.kinema.train.input.SyntheticData;
import io.kinema.train.memory.Workload;
import io.kinema.train.model.DitConfig;
import io.kinema.train.tensor.DeviceKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The flags of {@code launch/sweep.sh run}. */
final class SweepFlags {
    static final String EXACT = "exact";
    static final String SIX_ND = "6nd";

    private static final double MOST = 1e30;
    private static final List<String> OWN_OF_TRAIN = List.of(
            "--data",
            "--run",
            "--model",
            "--caption-model",
            "--steps",
            "--microbatches",
            "--learning-rate",
            "--nodes",
            "--ranks",
            "--slurm");
    private static final List<String> OWN_OF_EVALUATE = List.of("--data", "--checkpoint", "--output");

    @Parameter(names = "--sweep", order = 0, required = true, description = "Folder for everything about the sweep")
    String sweep = "";

    @Parameter(
            names = "--data",
            order = 1,
            description =
                    "Data set that launch/prepare.sh made, to train on; synthetic videos are made and prepared, for"
                            + " --held-out too, where none is named")
    String data = "";

    @Parameter(names = "--held-out", order = 2, description = "Data set of other videos, on which the loss is measured")
    String heldOut = "";

    @Parameter(
            names = "--widths",
            order = 3,
            description =
                    "Widths of the models, such as 128,192,256; depth follows by --aspect-ratio, heads by --head-width")
    String widths = "";

    @Parameter(names = "--aspect-ratio", order = 4, description = "Width over depth")
    int aspectRatio = 32;

    @Parameter(names = "--head-width", order = 5, description = "Width of an attention head")
    int headWidth = 32;

    @Parameter(
            names = "--models",
            order = 6,
            description = "In place of --widths: depth, width and heads of each model, such as 4x128x4,6x256x8")
    String models = "";

    @Parameter(
            names = "--caption-model",
            order = 7,
            description = "Depth, width and heads of the caption encoder, the same for all")
    String captionModel = "1x64x2";

    @Parameter(
            names = "--budgets",
            order = 8,
            description = "Floating point operations of a training, such as 1e13,3e13: each model is trained with"
                    + " each (isoFLOP)")
    String budgets = "";

    @Parameter(
            names = "--token-counts",
            order = 9,
            description = "In place of --budgets: tokens of a training, such as 1e6,4e6")
    String tokenCounts = "";

    @Parameter(
            names = "--flops",
            order = 10,
            description = "How operations are counted: exact (all matrix products, attention and captions included)"
                    + " or 6nd (6 for"
                    + " each parameter and token)")
    String flops = EXACT;

    @Parameter(
            names = "--learning-rates",
            order = 11,
            description = "Peak learning rates of a model of --base-width; each point is trained with each, and fit"
                    + " takes the best")
    String learningRates = "1e-3";

    @Parameter(
            names = "--learning-rate-exponent",
            order = 12,
            description = "Learning rates are multiplied by (width / --base-width) to this power")
    double learningRateExponent = -0.5;

    @Parameter(names = "--base-width", order = 13, description = "The width for which --learning-rates are meant")
    int baseWidth = 128;

    @Parameter(
            names = "--microbatches",
            order = 14,
            description =
                    "Microbatches of a step, such as 4,8; each point is trained with each, and fit takes the best")
    String microbatches = "8";

    @Parameter(
            names = "--batch-exponent",
            order = 15,
            description = "Microbatches are multiplied by (tokens of the training / --base-tokens) to this power")
    double batchExponent;

    @Parameter(names = "--base-tokens", order = 15, description = "The training for which --microbatches are meant")
    double baseTokens = 1e6;

    @Parameter(
            names = "--train",
            order = 16,
            description = "Further flags of launch/train.sh for all trainings, such as \"--patch 2x4x4 --tokens 2048\"")
    String train = "";

    @Parameter(
            names = "--evaluate",
            order = 17,
            description =
                    "Further flags of launch/evaluate.sh for all measurements, such as \"--weights model --times 32\"")
    String evaluate = "";

    @Parameter(
            names = {"--nodes", "--ranks"},
            order = 18,
            description = "How many ranks (processes) train at each point; --nodes and --ranks are the same")
    int nodes = 1;

    @Parameter(names = "--slots", order = 19, description = "Trainings that run at a time")
    int slots = 1;

    @Parameter(
            names = "--slurm",
            order = 20,
            description = "Each training and each measurement is a Slurm job of its own, --slots of them at a time")
    boolean slurm;

    @Parameter(
            names = "--attempts",
            order = 21,
            description = "How often a training or measurement that fails is started before it is reported and left")
    int attempts = 2;

    /** Checks what does not need the data, which may take minutes to make. */
    void check() {
        requireWithout("--train", train, OWN_OF_TRAIN);
        requireWithout("--evaluate", evaluate, OWN_OF_EVALUATE);
        if (widths.isEmpty() == models.isEmpty()) {
            throw new ConfigException("give one of --widths and --models, such as --widths 64,96,128");
        }
        if (budgets.isEmpty() == tokenCounts.isEmpty()) {
            throw new ConfigException("give one of --budgets and --token-counts, such as --budgets 1e13,3e13,1e14");
        }
        requireFlops(flops);
        CommandLine.requireRange("--aspect-ratio", aspectRatio, 1, 100_000);
        CommandLine.requireRange("--head-width", headWidth, 2, 4096);
        CommandLine.requireRange("--base-width", baseWidth, 1, 100_000);
        CommandLine.requireRange("--learning-rate-exponent", learningRateExponent, -3, 3);
        CommandLine.requireRange("--batch-exponent", batchExponent, -3, 3);
        CommandLine.requireRange("--base-tokens", baseTokens, 1, MOST);
        CommandLine.requireRange("--nodes", nodes, 1, 1 << 16);
        CommandLine.requireRange("--slots", slots, 1, 4096);
        CommandLine.requireRange("--attempts", attempts, 1, 100);
        amounts();
        learningRates();
        batches();
        for (String shape : modelShapes()) {
            DitConfig.parse(shape, captionModel);
            Workload.patch(trainArgs(shape));
        }
        Evaluate.check(evaluateArgs("checkpoint"));
    }

    private static void requireWithout(String flag, String flags, List<String> own) {
        for (String word : words(flags)) {
            if (own.contains(word)) {
                throw new ConfigException(
                        flag + " \"" + flags + "\": the sweep itself gives " + word + "; leave it out here");
            }
        }
    }

    /** The operations of each training, or its tokens. */
    List<Double> amounts() {
        return isByBudget() ? numbers("--budgets", budgets, 1, MOST) : numbers("--token-counts", tokenCounts, 1, MOST);
    }

    boolean isByBudget() {
        return !budgets.isEmpty();
    }

    List<Double> learningRates() {
        return numbers("--learning-rates", learningRates, 1e-9, 10);
    }

    /** Microbatches of a step. */
    List<Integer> batches() {
        return wholeNumbers("--microbatches", microbatches, 1, 1 << 20);
    }

    /** Makes paths absolute, and the data where none is named. */
    void resolve() throws IOException {
        if (data.isEmpty() != heldOut.isEmpty()) {
            throw new ConfigException("--data and --held-out go together: " + (data.isEmpty() ? "--data" : "--held-out")
                    + " is missing; clips that were trained on tell nothing of others");
        }
        if (data.isEmpty()) {
            Patch patch = Workload.patch(trainArgs(modelShapes().getFirst()));
            data = SyntheticData.SWEEP.ensure(patch).toString();
            heldOut = SyntheticData.SWEEP_HELD_OUT.ensure(patch).toString();
        }
        data = absolute(data);
        heldOut = absolute(heldOut);
        if (data.equals(heldOut)) {
            throw new ConfigException("--held-out is --data, " + data + "; give clips of other videos");
        }
        sweep = absolute(sweep);
    }

    private static String absolute(String path) {
        return path.contains("://")
                ? path
                : Path.of(path).toAbsolutePath().normalize().toString();
    }

    /** What all trainings have in common, as flags. */
    List<String> trainArgs() {
        List<String> args = new ArrayList<>(List.of("--sample-steps", "0", "--keep-last", "1"));
        args.addAll(threads(train));
        args.addAll(words(train));
        if (!data.isEmpty()) {
            args.addAll(List.of("--data", data));
        }
        args.addAll(List.of("--nodes", Integer.toString(nodes), "--caption-model", captionModel));
        return args;
    }

    /** The same of one model; how many microbatches a step of each point has is left open. */
    List<String> trainArgs(String shape) {
        List<String> args = new ArrayList<>(trainArgs());
        args.addAll(List.of("--model", shape, "--microbatches", Integer.toString(nodes)));
        return args;
    }

    /** Each slot's share of the processors, where they are what computes and nothing else is asked for. */
    private List<String> threads(String given) {
        List<String> words = words(given);
        int place = words.indexOf("--device") + 1;
        String device = place > 0 && place < words.size() ? words.get(place) : "";
        DeviceKind kind = DeviceConfig.resolve(device, "", 0, 1).kind();
        if (slots == 1 || slurm || words.contains("--threads") || !kind.sharesProcessors()) {
            return List.of();
        }
        return List.of("--threads", Integer.toString(kind.defaultThreads(slots * nodes)));
    }

    /** How a checkpoint is measured. */
    List<String> evaluateArgs(String checkpoint) {
        List<String> args = new ArrayList<>(threads(evaluate));
        args.addAll(words(evaluate));
        args.addAll(List.of("--data", heldOut, "--checkpoint", checkpoint));
        return args;
    }

    /** What points of one sweep have in common, a text each. */
    List<String> common() {
        return List.of(
                "--data " + data,
                "--held-out " + heldOut,
                "--caption-model " + captionModel,
                "--flops " + flops,
                "--learning-rate-exponent " + learningRateExponent,
                "--base-width " + baseWidth,
                "--batch-exponent " + batchExponent,
                "--base-tokens " + baseTokens,
                "--train " + train,
                "--evaluate " + evaluate);
    }

    /** The words of a flag that holds flags. */
    static List<String> words(String flags) {
        return flags.isBlank() ? List.of() : List.of(flags.strip().split("\\s+"));
    }

    static void requireFlops(String flops) {
        if (!List.of(EXACT, SIX_ND).contains(flops)) {
            throw new ConfigException("--flops " + flops + " is not known; use " + EXACT + " or " + SIX_ND);
        }
    }

    /** The numbers of a flag, each once, ascending. */
    static List<Double> numbers(String flag, String text, double low, double high) {
        List<Double> numbers = new ArrayList<>();
        for (String part : text.split(",")) {
            double number;
            try {
                number = Double.parseDouble(part.strip());
            } catch (NumberFormatException e) {
                throw new ConfigException(
                        flag + " " + text + ": '" + part.strip() + "' is no number; give numbers separated by commas",
                        e);
            }
            CommandLine.requireRange(flag, number, low, high);
            numbers.add(number);
        }
        return numbers.stream().distinct().sorted().toList();
    }

    /** The same, whole. */
    static List<Integer> wholeNumbers(String flag, String text, int low, int high) {
        return numbers(flag, text, low, high).stream()
                .map(number -> {
                    if (number != Math.rint(number)) {
                        throw new ConfigException(
                                flag + " " + text + ": " + number + " is not whole; give whole numbers");
                    }
                    return number.intValue();
                })
                .toList();
    }

    /** Depth, width and heads of each model, as {@code launch/train.sh --model} takes them. */
    List<String> modelShapes() {
        if (!models.isEmpty()) {
            return Arrays.stream(models.split(","))
                    .map(String::strip)
                    .distinct()
                    .toList();
        }
        return wholeNumbers("--widths", widths, 2, 1 << 16).stream()
                .map(width -> shape(width, aspectRatio, headWidth))
                .toList();
    }

    /** The model of a width. */
    static String shape(int width, int aspectRatio, int headWidth) {
        if (width % headWidth != 0) {
            throw new ConfigException("width " + width + " does not divide into heads of --head-width " + headWidth
                    + "; give multiples of it, or another --head-width");
        }
        long depth = Math.max(1, Math.round(width / (double) aspectRatio));
        return depth + "x" + width + "x" + width / headWidth;
    }
}
