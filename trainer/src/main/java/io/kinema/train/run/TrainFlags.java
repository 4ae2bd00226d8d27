package io.kinema.train.run;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.DeviceFlags;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.model.CaptionBytes;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The flags of {@code launch/train.sh} as they were given; {@link RunSettings} is what they mean. Defaults are those of
 * the model ({@link ModelDefaults}). JCommander sets the fields, in {@link #parse}; nothing changes them afterwards.
 */
public final class TrainFlags {
    private static final String SUMMARY =
            "trains a spacetime diffusion transformer on videos prepared by launch/prepare.sh; defaults depend on"
                    + " --model: --help with --model shows that model's";

    @ParametersDelegate
    final PlaceFlags place = new PlaceFlags();

    @Parameter(
            names = "--data",
            order = 1,
            description = "Data set that launch/prepare.sh made; synthetic videos are made and prepared where none "
                    + "is named")
    String data = "";

    @Parameter(
            names = "--run",
            order = 2,
            description = "Folder for everything about the run; runs/DATE-TIME where none is named")
    String run = "";

    @Parameter(
            names = "--model",
            order = 3,
            description = "Model size: debug, S, B, L, XL, or depth, width and heads such as 6x256x4; the defaults of "
                    + "--steps, --microbatches, --tokens, --learning-rate, --warmup and --checkpoint-every are its own")
    String model = ModelDefaults.MODEL;

    @Parameter(
            names = "--caption-model",
            order = 4,
            description = "Size of the caption encoder: depth, width and heads such as 2x128x4; the model's own if "
                    + "absent")
    String captionModel = "";

    @Parameter(
            names = "--patch",
            order = 5,
            description = "Pixels of a token, frames x rows x columns; the model's own if absent")
    String patch = "";

    @Parameter(names = "--diffusion", order = 6, description = "What is learned: flow, ddpm-linear or ddpm-cosine")
    String diffusion = "flow";

    @Parameter(names = "--time-shift", order = 7, description = "Flow only: moves times towards noise; 1 is none")
    double timeShift = RectifiedFlow.DEFAULT_SHIFT;

    @Parameter(
            names = "--steps",
            order = 8,
            converter = StepRange.Parser.class,
            description = "Steps of the run; with --explain-order those to explain, a number or a range such as 5-7")
    StepRange steps;

    @Parameter(
            names = "--microbatches",
            order = 9,
            description = "Packed microbatches a step, however many ranks share them (at least --nodes)")
    int microbatches;

    @Parameter(
            names = "--tokens",
            order = 10,
            description = "The most tokens a microbatch may hold; 0 is the largest clip's, and at least 256 for debug, "
                    + "8192 for S to XL, 4096 for a shape")
    int tokens;

    @Parameter(names = "--seed", order = 11, description = "Seed of weights, data order, noise, times and dropout")
    long seed = 1;

    @Parameter(names = "--learning-rate", order = 12, description = "Peak learning rate of AdamW")
    double learningRate;

    @Parameter(names = "--warmup", order = 13, description = "Steps over which the learning rate rises from 0")
    long warmup;

    @Parameter(names = "--schedule", order = 14, description = "Learning rate after warm-up: constant or cosine")
    String schedule = "cosine";

    @Parameter(names = "--weight-decay", order = 15, description = "Decoupled weight decay")
    double weightDecay = 0.01;

    @Parameter(
            names = "--clip-norm",
            order = 16,
            description = "Global gradient norm above which gradients are scaled down")
    double clipNorm = 1;

    @Parameter(
            names = "--spike-sigma",
            order = 16,
            description = "Leaves out a step whose loss or gradient norm lies more deviations than this above its "
                    + "running mean, and goes back to the newest checkpoint before when three in a row do; 6, "
                    + "say; 0 leaves out none")
    double spikeSigma;

    @Parameter(names = "--ema-decay", order = 17, description = "Decay of the averaged weights that sampling uses")
    double emaDecay = 0.999;

    @Parameter(
            names = "--caption-dropout",
            order = 18,
            description = "Share of clips that lose their caption, for guidance")
    double captionDropout = 0.1;

    @Parameter(
            names = "--caption-mix",
            order = 18,
            description = "Which captions to train on, such as original:0.05,detailed:0.75,short:0.2; the first if "
                    + "absent. " + CaptionBytes.READ)
    String captionMix = "";

    @ParametersDelegate
    final DeviceFlags device = new DeviceFlags("");

    @Parameter(
            names = "--recompute",
            order = 22,
            description = "What backward computes again to save memory: none, or blocks (one more forward pass of "
                    + "each; the result is the same)")
    String recompute = "none";

    @Parameter(
            names = "--zero",
            order = 22,
            description = "What each rank keeps only its share of (ZeRO): 1 (the optimizer's state), 2 (gradients "
                    + "too, which are then exchanged after each microbatch) or 3 (weights too); the result is "
                    + "the same with --reduction exact")
    int zero = 1;

    @Parameter(
            names = "--reduction",
            order = 22,
            description = "How gradients are summed: exact (the same bits whatever --nodes and --zero are) or fast "
                    + "(less traffic and memory where a rank has several microbatches; bits depend on --nodes "
                    + "and --zero)")
    String reduction = "exact";

    @Parameter(
            names = "--wire",
            order = 22,
            description = "What gradients travel as between ranks: fp32, or bf16 (half the bytes, each rounded; "
                    + "with --reduction fast)")
    String wire = "fp32";

    @Parameter(
            names = "--memory-per-node",
            order = 22,
            description = "The most memory that a rank may take, in MB (10^6 bytes): what needs more is refused "
                    + "with the flags that would make it fit; 0 for what the host has; device cpu")
    long memoryPerNode;

    @Parameter(
            names = "--transport",
            order = 23,
            description = "Between ranks: auto (shared memory within a host), ipc or udp")
    String transport = "auto";

    @Parameter(
            names = "--timeout-seconds",
            order = 24,
            description = "How long a rank waits for the others in one collective before that is a hang: all ranks "
                    + "are ended, and a report says which did not come and what they did instead")
    int timeoutSeconds = 60;

    @Parameter(
            names = "--storage-timeout-seconds",
            order = 24,
            description = "How long all ranks wait for storage that is slow, or for room on a full disk, while a "
                    + "checkpoint is written or read. Ranks that wait tell each other that they live, so "
                    + "--timeout-seconds may be shorter")
    int storageTimeoutSeconds = 1800;

    @Parameter(
            names = "--max-restarts",
            order = 24,
            description = "How often in a row all ranks are started again, from the newest valid checkpoint, after "
                    + "one has failed or hangs; a new checkpoint counts anew; 0 never. Mistakes, a loss that is "
                    + "not finite and signals to stop end the run at once")
    int maxRestarts = 3;

    @Parameter(
            names = "--min-nodes",
            order = 24,
            description = "How few ranks the run may go on with: one fewer each time that --max-restarts restarts "
                    + "have not helped; 0 means all of --nodes. The result is the same")
    int minNodes;

    @Parameter(
            names = "--checkpoint-every",
            order = 25,
            description = "Steps between checkpoints; 0 writes one at the end only")
    long checkpointEvery;

    @Parameter(
            names = "--checkpoint-async",
            order = 25,
            description = "Training goes on while a checkpoint is written: it is copied to memory first, which "
                    + "takes a share of a step, and up to 16 bytes a parameter on rank 0")
    boolean checkpointAsync;

    @Parameter(
            names = "--keep-last",
            order = 25,
            description = "How many of the newest checkpoints are kept; older ones are deleted when one is "
                    + "complete; 0 keeps all")
    int keepLast = 5;

    @Parameter(
            names = "--keep-every",
            order = 25,
            description = "Checkpoints whose step is a multiple of this are kept whatever their age; 0 means none")
    long keepEvery;

    @Parameter(
            names = "--resume",
            order = 26,
            description = "auto (the run folder's newest valid checkpoint), never, or the path of a checkpoint or of"
                    + " a run, for its newest")
    String resume = CheckpointPolicy.RESUME_AUTO;

    @Parameter(
            names = "--sample-prompt",
            order = 27,
            description = "What the video sampled at the end shows; a caption of the data set if absent. "
                    + CaptionBytes.READ)
    String samplePrompt = "";

    @Parameter(
            names = "--sample-steps",
            order = 28,
            description = "Sampler steps of the video sampled at the end; 0 samples none")
    int sampleSteps = 25;

    @Parameter(names = "--guidance", order = 29, description = "Guidance scale of the video sampled at the end")
    double guidance = 2;

    @Parameter(
            names = "--ffmpeg",
            order = 30,
            description = "Program that writes the video sampled at the end; the bundled one if absent")
    String ffmpeg = "";

    @Parameter(
            names = "--explain-order",
            order = 31,
            description = "Trains nothing and writes nothing: prints which clips make up which microbatch of the steps"
                    + " that --steps names")
    boolean explainOrder;

    /** Made when the fields have the values that are the defaults. */
    private final CommandLine line;

    private TrainFlags(ModelDefaults defaults) {
        steps = StepRange.upTo(defaults.steps());
        microbatches = defaults.microbatches();
        learningRate = defaults.learningRate();
        warmup = defaults.warmup();
        checkpointEvery = defaults.checkpointEvery();
        line = new CommandLine("launch/train.sh", SUMMARY, this);
    }

    /**
     * Parses a command's arguments, the only time that flags change.
     *
     * @param args as on the command line
     * @return the flags; empty when {@code --help} was among them and has been printed
     * @throws ConfigException on an unknown flag, or a missing or bad value
     */
    public static Optional<TrainFlags> parse(String... args) {
        TrainFlags any = new TrainFlags(ModelDefaults.of(ModelDefaults.MODEL));
        String model = any.line.find("--model", args).orElse(any.model);
        TrainFlags flags = new TrainFlags(ModelDefaults.of(model));
        return flags.line.parse(args) ? Optional.of(flags) : Optional.empty();
    }

    /**
     * Writes flags that repeat a run.
     *
     * @param settings what these flags were resolved to
     * @param files of the run
     * @return a flag each, defaults and what was decided for the machine included
     */
    List<String> resolved(RunSettings settings, RunFiles files) {
        Map<String, String> decided = new HashMap<>();
        decided.put("--nodes", Integer.toString(settings.ranks().numRanks()));
        decided.put("--run", files.folder());
        decided.put("--data", files.data());
        decided.put("--tokens", Integer.toString(settings.recipe().tokens()));
        decided.put("--hosts", place.hosts.isEmpty() ? "" : absolute(place.hosts));
        decided.put("--secret-file", place.namesSecretFile() ? absolute(place.secretFile) : place.secretFile);
        DeviceConfig opened = settings.ranks().device();
        decided.put("--device", opened.name());
        decided.put("--precision", opened.precision().flag());
        decided.put("--threads", Integer.toString(opened.threads()));
        return line.toArgs(decided).lines().toList();
    }

    private static String absolute(String path) {
        return Path.of(path).toAbsolutePath().normalize().toString();
    }

    /**
     * Returns the flags that say where ranks run.
     *
     * @return part of these
     */
    public PlaceFlags place() {
        return place;
    }

    /**
     * Returns {@code --threads}.
     *
     * @return of each rank; 0 where that is open
     */
    public int threads() {
        return device.threads();
    }

    /**
     * Returns {@code --data}.
     *
     * @return a path, or a place such as {@code hdfs://...}; empty where none is named
     */
    public String data() {
        return data.isEmpty() || data.contains("://") ? data : absolute(data);
    }

    /**
     * Returns {@code --run}.
     *
     * @return an absolute path; empty where none is named
     */
    public Optional<String> run() {
        return run.isEmpty() ? Optional.empty() : Optional.of(absolute(run));
    }

    /**
     * Returns {@code --min-nodes}.
     *
     * @return ranks; 0 where the flag is left out
     */
    public int minNodes() {
        return minNodes;
    }

    /**
     * Returns whether {@code --tokens} is left to the data.
     *
     * @return whether the largest clip may raise the default
     */
    public boolean followsData() {
        return tokens == 0;
    }

    /**
     * Returns {@code --explain-order}.
     *
     * @return whether nothing is trained
     */
    public boolean explainOrder() {
        return explainOrder;
    }

    /**
     * Returns {@code --steps}.
     *
     * @return those of the run, or those to explain
     */
    public StepRange steps() {
        return steps;
    }
}
