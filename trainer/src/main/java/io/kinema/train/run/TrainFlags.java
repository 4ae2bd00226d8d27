package io.kinema.train.run;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Retention;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.DeviceFlags;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.transport.Transport;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * The flags of {@code launch/train.sh}; their defaults are those of a small model, {@code configs/*.args} hold others.
 */
public final class TrainFlags {
    /** In place of a file: no secret, on several hosts either. */
    public static final String NO_SECRET = "none";

    public static final String RESUME_AUTO = "auto";
    public static final String RESUME_NEVER = "never";

    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double EPSILON = 1e-8;
    private static final long MEGABYTE = 1_000_000;

    @Parameter(
            names = "--nodes",
            order = 0,
            description =
                    "How many processes train, each a rank; 0 is one, or as many as --hosts, --slurm or WORLD_SIZE have room for")
    public int nodes;

    @Parameter(
            names = "--hosts",
            order = 22,
            description =
                    "Trains on several hosts, by ssh: a file with a line `host slots=4` each; a slot is a node. They have Kinema, its JDK, --run and --data"
                            + " at the same paths as this host")
    public String hosts = "";

    @Parameter(
            names = "--slurm",
            order = 22,
            description =
                    "In a Slurm job, trains on its nodes, a task of the job being one of --nodes; elsewhere submits launch/slurm/train.sbatch with these flags")
    public boolean slurm;

    @Parameter(
            names = "--address",
            order = 22,
            description =
                    "Name or address of this host by which --hosts or --slurm's nodes reach it; that on the way to the first of them if absent")
    public String address = "";

    @Parameter(
            names = "--secret-file",
            order = 22,
            description =
                    "File with a secret of at least 16 bytes that all processes of the run prove to know and tag their frames with; `none` does without on"
                            + " several hosts too. If absent, --hosts and --slurm make one for the launch, and torchrun's variables need one")
    public String secretFile = "";

    /** The most nodes that one host has; decided with {@link #nodes}. */
    public int nodesOfAHost;

    @Parameter(
            names = "--data",
            order = 1,
            description =
                    "Data set that launch/prepare.sh made; synthetic videos are made and prepared where none is named")
    public String data = "";

    @Parameter(
            names = "--run",
            order = 2,
            description = "Folder for everything about the run; runs/DATE-TIME where none is named")
    public String run = "";

    @Parameter(
            names = "--model",
            order = 3,
            description = "Model size: debug, S, B, L, XL, or depth, width and heads such as 6x256x4")
    public String model = "S";

    @Parameter(
            names = "--caption-model",
            order = 4,
            description =
                    "Size of the caption encoder: depth, width and heads such as 2x128x4; the model's own if absent")
    String captionModel = "";

    @Parameter(
            names = "--patch",
            order = 5,
            description = "Pixels of a token, frames x rows x columns; the model's own if absent")
    public String patch = "";

    @Parameter(names = "--diffusion", order = 6, description = "What is learned: flow, ddpm-linear or ddpm-cosine")
    String diffusion = "flow";

    @Parameter(names = "--time-shift", order = 7, description = "Flow only: moves times towards noise; 1 is none")
    double timeShift = RectifiedFlow.DEFAULT_SHIFT;

    @Parameter(
            names = "--steps",
            order = 8,
            converter = StepRange.Parser.class,
            description = "Steps of the run; with --explain-order those to explain, a number or a range such as 5-7")
    public StepRange steps = StepRange.upTo(1000);

    @Parameter(
            names = "--microbatches",
            order = 9,
            description = "Packed microbatches a step, however many nodes share them (at least --nodes)")
    public int microbatches = 8;

    @Parameter(names = "--tokens", order = 10, description = "The most tokens a microbatch may hold")
    public int tokens = 4096;

    @Parameter(names = "--seed", order = 11, description = "Seed of weights, data order, noise, times and dropout")
    public long seed = 1;

    @Parameter(names = "--learning-rate", order = 12, description = "Peak learning rate of AdamW")
    double learningRate = 3e-4;

    @Parameter(names = "--warmup", order = 13, description = "Steps over which the learning rate rises from 0")
    long warmup = 100;

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
            description =
                    "Leaves out a step whose loss or gradient norm lies more deviations than this above its running"
                            + " mean, and goes back to the newest checkpoint before when three in a row do; 6, say; 0 leaves out none")
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
            description =
                    "Which captions to train on, such as original:0.05,detailed:0.75,short:0.2; the first if absent. "
                            + CaptionBytes.READ)
    String captionMix = "";

    @ParametersDelegate
    public final DeviceFlags deviceFlags = new DeviceFlags("");

    @Parameter(
            names = "--recompute",
            order = 22,
            description = "What backward computes again to save memory: none, or blocks (one more forward pass of each;"
                    + " the result is the same)")
    public String recompute = "none";

    @Parameter(
            names = "--zero",
            order = 22,
            description =
                    "What each node keeps only its share of (ZeRO): 1 (the optimizer's state), 2 (gradients too, which are"
                            + " then exchanged after each microbatch) or 3 (weights too); the result is the same with --reduction exact")
    public int zero = 1;

    @Parameter(
            names = "--reduction",
            order = 22,
            description =
                    "How gradients are summed: exact (the same bits whatever --nodes and --zero are) or fast (less traffic and memory"
                            + " where a node has several microbatches; bits depend on --nodes and --zero)")
    public String reduction = "exact";

    @Parameter(
            names = "--wire",
            order = 22,
            description =
                    "What gradients travel as between nodes: fp32, or bf16 (half the bytes, each rounded; with --reduction fast)")
    public String wire = "fp32";

    @Parameter(
            names = "--memory-per-node",
            order = 22,
            description =
                    "The most memory that a node may take, in MB (10^6 bytes): what needs more is refused with the flags that"
                            + " would make it fit; 0 for what the host has; device cpu")
    public long memoryPerNode;

    @Parameter(
            names = "--transport",
            order = 23,
            description = "Between ranks: auto (shared memory within a host), ipc or udp")
    public String transport = "auto";

    @Parameter(
            names = "--timeout-seconds",
            order = 24,
            description =
                    "How long a rank waits for the others in one collective before that is a hang: all ranks are ended, and a report says which did"
                            + " not come and what they did instead")
    public int timeoutSeconds = 60;

    @Parameter(
            names = "--max-restarts",
            order = 24,
            description =
                    "How often in a row all ranks are started again, from the newest valid checkpoint, after one has failed or hangs; a"
                            + " new checkpoint counts anew; 0 never. Mistakes, a loss that is not finite and signals to stop end the run at once")
    public int maxRestarts = 3;

    @Parameter(
            names = "--min-nodes",
            order = 24,
            description =
                    "How few nodes the run may go on with: one fewer each time that --max-restarts restarts have not helped; 0 means"
                            + " all of --nodes. The result is the same")
    public int minNodes;

    @Parameter(
            names = "--checkpoint-every",
            order = 25,
            description = "Steps between checkpoints; 0 writes one at the end only")
    public long checkpointEvery = 500;

    @Parameter(
            names = "--checkpoint-async",
            order = 25,
            description =
                    "Training goes on while a checkpoint is written: it is copied to memory first, which takes a share"
                            + " of a step, and up to 16 bytes a parameter on rank 0")
    public boolean checkpointAsync;

    @Parameter(
            names = "--keep-last",
            order = 25,
            description = "How many of the newest checkpoints are kept; older ones are deleted when one is complete; 0"
                    + " keeps all")
    public int keepLast = 5;

    @Parameter(
            names = "--keep-every",
            order = 25,
            description = "Checkpoints whose step is a multiple of this are kept whatever their age; 0 means none")
    long keepEvery;

    @Parameter(
            names = "--resume",
            order = 26,
            description = "auto (the run folder's newest valid checkpoint), never, or the path of a checkpoint")
    public String resume = RESUME_AUTO;

    @Parameter(
            names = "--sample-prompt",
            order = 27,
            description = "What the video sampled at the end shows; a caption of the data set if absent. "
                    + CaptionBytes.READ)
    public String samplePrompt = "";

    @Parameter(
            names = "--sample-steps",
            order = 28,
            description = "Sampler steps of the video sampled at the end; 0 samples none")
    public int sampleSteps = 25;

    @Parameter(names = "--guidance", order = 29, description = "Guidance scale of the video sampled at the end")
    public double guidance = 2;

    @Parameter(
            names = "--ffmpeg",
            order = 30,
            description = "Program that writes the video sampled at the end; the bundled one if absent")
    public String ffmpeg = "";

    @Parameter(
            names = "--explain-order",
            order = 31,
            description = "Trains nothing and writes nothing: prints which clips make up which microbatch of the steps"
                    + " that --steps names")
    public boolean explainOrder;

    /** Where each node computes; what the flags leave open is decided for this machine. */
    public DeviceConfig device() {
        return deviceFlags.resolve(Math.max(1, nodesOfAHost));
    }

    /** Puts what this machine decides into the flags, so that all ranks, and whoever repeats the run, have the same. */
    public void resolveDevice() {
        deviceFlags.set(device());
    }

    /** Checks the flags and resolves what they decide. */
    public Recipe toConfig() {
        CommandLine.requireRange("--nodes", nodes, 0, 1 << 16);
        if (!explainOrder && steps.first() != 1) {
            throw new ConfigException("--steps " + steps + " is a range, which only --explain-order takes; give the"
                    + " number of steps of the run, such as " + steps.last());
        }
        CommandLine.requireRange("--timeout-seconds", timeoutSeconds, 1, 86_400);
        CommandLine.requireRange("--checkpoint-every", checkpointEvery, 0, 1e12);
        retention();
        CommandLine.requireRange("--sample-steps", sampleSteps, 0, 1000);
        CommandLine.requireRange("--memory-per-node", memoryPerNode, 0, 1e9);
        CommandLine.requireRange("--max-restarts", maxRestarts, 0, 1000);
        if (minNodes < 0 || minNodes > nodes) {
            throw new ConfigException("--min-nodes " + minNodes + " is not between 0 and --nodes " + nodes
                    + "; lower --min-nodes or raise --nodes");
        }
        if (microbatches < nodes) {
            throw new ConfigException("--microbatches " + microbatches + " is less than --nodes " + nodes
                    + "; raise --microbatches or lower --nodes");
        }
        transport();
        recompute();
        zero();
        DitConfig shape = DitConfig.parse(model, captionModel);
        return new Recipe(
                patch.isEmpty() ? shape : shape.withPatch(Patch.parse(patch)),
                diffusion,
                timeShift,
                microbatches,
                tokens,
                steps.last(),
                seed,
                CaptionMix.parse(captionDropout, captionMix),
                new LearningRate(learningRate, warmup, steps.last(), LearningRate.Schedule.parse(schedule)),
                new AdamWConfig(BETA1, BETA2, EPSILON, weightDecay, clipNorm, emaDecay),
                device().precision(),
                spikeSigma,
                Reduction.parse(reduction, wire));
    }

    /** Which checkpoints of the run are kept. */
    public Retention retention() {
        CommandLine.requireRange("--keep-last", keepLast, 0, 1e9);
        CommandLine.requireRange("--keep-every", keepEvery, 0, 1e12);
        if (keepEvery > 0 && checkpointEvery > 0 && keepEvery % checkpointEvery != 0) {
            throw new ConfigException("--keep-every " + keepEvery + " is not a multiple of --checkpoint-every "
                    + checkpointEvery + ", so most such steps have no checkpoint; change one of them");
        }
        return new Retention(keepLast, keepEvery);
    }

    /** How few nodes the run may go on with, at least 1. */
    public int minNodes() {
        return minNodes == 0 ? nodes : minNodes;
    }

    public Path runFolder() {
        return Path.of(run);
    }

    public Recompute recompute() {
        return Recompute.parse(recompute);
    }

    /** In bytes; empty for no limit. */
    public OptionalLong memoryPerNode() {
        return memoryPerNode == 0 ? OptionalLong.empty() : OptionalLong.of(memoryPerNode * MEGABYTE);
    }

    public ZeroStage zero() {
        return ZeroStage.parse(zero);
    }

    public Transport transport() {
        return Transport.parse(transport);
    }
}
