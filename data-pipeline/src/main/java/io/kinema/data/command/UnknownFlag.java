package io.kinema.data.command;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What is said of a flag that a command does not have: what it is called here, where other trainers have it by that
 * name; else the flag that looks like it, if one does.
 */
final class UnknownFlag {
    private static final int MOST_EDITS = 2;
    private static final int LEAST_PREFIX = 3;
    private static final Pattern FLAG = Pattern.compile("(launch/\\w+\\.sh )?(?<![\\w-])(--[a-z][a-z-]*)");

    /**
     * Flags of others, and what to do here. A flag in the answer belongs to the command that is asked, unless a script
     * is named before it; the first answer whose flags the command has counts.
     *
     * @param names without dashes before them, separated by spaces
     * @param answer after "unknown flag NAME: "
     */
    record Elsewhere(String names, String answer) {
        boolean isOf(String name) {
            return List.of(names.split(" ")).contains(name);
        }

        boolean isFor(Collection<String> known) {
            return FLAG.matcher(answer)
                    .results()
                    .allMatch(found -> found.group(1) != null || known.contains(found.group(2)));
        }

        /** Each flag that the answer names. */
        List<String> flags() {
            return FLAG.matcher(answer).results().map(found -> found.group(2)).toList();
        }
    }

    /** Of torchrun, accelerate, diffusers, transformers, torchtitan and DeepSpeed, and habits. */
    static final List<Elsewhere> ELSEWHERE = List.of(
            new Elsewhere(
                    "nproc-per-node nproc num-processes world-size num-gpus gpus-per-node ngpu np n",
                    "how many ranks there are is --nodes"),
            new Elsewhere(
                    "nnodes num-machines num-nodes hostfile", "hosts are listed in --hosts, ranks counted in --nodes"),
            new Elsewhere(
                    "node-rank machine-rank local-rank master-addr master-port main-process-ip main-process-port"
                            + " rdzv-endpoint rdzv-backend rdzv-id standalone",
                    "ranks find each other; --hosts or --slurm says where they are, torchrun's variables are read too"),
            new Elsewhere("gpus gpu-ids cuda accelerator backend", "what computes is --device"),
            new Elsewhere(
                    "mixed-precision fp16 bf16 fp32 half amp dtype torch-dtype param-dtype tf32 allow-tf32",
                    "the type of numbers is --precision"),
            new Elsewhere(
                    "batch-size bs train-batch-size per-device-train-batch-size per-gpu-batch-size global-batch-size"
                            + " local-batch-size micro-batch-size gradient-accumulation-steps grad-accum accum",
                    "a batch is --tokens for each microbatch, times --microbatches for each step"),
            new Elsewhere(
                    "max-train-steps max-steps num-steps train-steps iterations iters max-iters num-train-epochs"
                            + " max-epochs num-epochs epochs num-inference-steps sampling-steps num-sampling-steps",
                    "how long it takes is --steps"),
            new Elsewhere("lr max-lr base-lr peak-lr", "the peak of the learning rate is --learning-rate"),
            new Elsewhere("lr-scheduler lr-scheduler-type scheduler lr-schedule lr-decay-style", "it is --schedule"),
            new Elsewhere("lr-warmup-steps warmup-steps num-warmup-steps lr-warmup", "it is --warmup"),
            new Elsewhere("adam-weight-decay wd decay", "it is --weight-decay"),
            new Elsewhere(
                    "optimizer optim adam-beta1 adam-beta2 beta1 beta2 adam-epsilon eps use-8bit-adam",
                    "the optimizer is AdamW, its constants are in docs/numerics.md; there are --learning-rate and"
                            + " --weight-decay"),
            new Elsewhere(
                    "max-grad-norm grad-clip clip-grad clip-grad-norm gradient-clipping max-norm", "it is --clip-norm"),
            new Elsewhere("use-ema ema ema-beta", "it is --ema-decay; weights are always averaged"),
            new Elsewhere(
                    "gradient-checkpointing activation-checkpointing activation-checkpoint ac", "it is --recompute"),
            new Elsewhere(
                    "fsdp deepspeed zero-stage use-deepspeed sharding-strategy data-parallel-shard-degree ddp",
                    "what ranks shard is --zero"),
            new Elsewhere(
                    "tp tensor-parallel-degree tensor-parallel-size pp pipeline-parallel-degree cp"
                            + " context-parallel-degree sp",
                    "there is data parallelism only, with --zero"),
            new Elsewhere(
                    "lora lora-rank lora-alpha lora-r use-lora peft use-peft adapter",
                    "there is no LoRA yet; all weights are trained"),
            new Elsewhere(
                    "vae vae-path autoencoder text-encoder tokenizer",
                    "there is none yet; models learn pixels and the bytes of captions"),
            new Elsewhere(
                    "wandb use-wandb wandb-project report-to log-with tensorboard tracker tracker-project-name mlflow"
                            + " logging-dir log-dir logdir",
                    "there is no tracker; RUN/metrics.jsonl has a line of JSON for each step"),
            new Elsewhere(
                    "checkpointing-steps save-steps save-every save-interval checkpoint-interval ckpt-every",
                    "it is --checkpoint-every"),
            new Elsewhere("checkpoints-total-limit save-total-limit keep-latest-k", "it is --keep-last"),
            new Elsewhere(
                    "resume-from-checkpoint resume-from load init-from ckpt ckpt-path restore pretrained"
                            + " pretrained-model-name-or-path",
                    "it is --resume"),
            new Elsewhere(
                    "resume-from-checkpoint ckpt ckpt-path load model-path weights-path model-name-or-path"
                            + " pretrained-model-name-or-path",
                    "it is --checkpoint"),
            new Elsewhere(
                    "dataset dataset-name dataset-path data-dir data-path data-root train-data-dir instance-data-dir",
                    "it is --data"),
            new Elsewhere("data-dir data-path data-root video-folder source src videos", "it is --input"),
            new Elsewhere("output-dir out-dir outdir save-dir save-path dump-folder out name exp-name", "it is --run"),
            new Elsewhere("output-dir out-dir outdir save-dir save-path out o", "it is --output"),
            new Elsewhere("validation-prompt eval-prompt", "it is --sample-prompt"),
            new Elsewhere("guidance-scale cfg cfg-scale", "it is --guidance"),
            new Elsewhere("num-frames video-length n-frames", "it is --frames"),
            new Elsewhere("negative-prompt", "there are no negative prompts; --guidance leads away from no prompt"),
            new Elsewhere(
                    "num-videos num-samples num-videos-per-prompt num-images-per-prompt",
                    "a file of prompts, one a line, is --prompts"),
            new Elsewhere(
                    "resolution image-size video-size center-crop random-flip",
                    "clips keep their shape; their size is decided by launch/prepare.sh --max-pixels"),
            new Elsewhere(
                    "eval-steps eval-every eval-interval validation-steps validation-epochs do-eval",
                    "held-out loss is measured by launch/evaluate.sh, on checkpoints"),
            new Elsewhere("num-workers dataloader-num-workers workers", "how many threads work is --threads"),
            new Elsewhere("spark-master", "it is --master"),
            new Elsewhere(
                    "compile torch-compile use-compile enable-xformers-memory-efficient-attention xformers"
                            + " flash-attention flash-attn use-flash-attn sdpa",
                    "there is nothing to switch on; leave it out"),
            new Elsewhere("config config-file conf cfg-file job-config-file c", "flags in a file are @FILE"),
            new Elsewhere("verbose v debug traceback", "stack traces are shown by KINEMA_TRACE=1 in the environment"));

    private UnknownFlag() {}

    /**
     * Finds what to say.
     *
     * @param flag as given, without a value
     * @param known the names that the command has
     * @return the message, without the hint at --help
     */
    static String message(String flag, Collection<String> known) {
        String name = flag.replaceFirst("^-+", "").replace('_', '-').toLowerCase(Locale.ROOT);
        // torchtitan's flags have their section before a point.
        String last = name.substring(name.lastIndexOf('.') + 1);
        if (known.contains("--" + last)) {
            return "unknown flag " + flag + "; did you mean --" + last + "?";
        }
        Optional<Elsewhere> elsewhere = ELSEWHERE.stream()
                .filter(entry -> entry.isOf(last) && entry.isFor(known))
                .findFirst();
        if (elsewhere.isPresent()) {
            return "unknown flag " + flag + ": " + elsewhere.get().answer();
        }
        return "unknown flag " + flag
                + near(name, known).map(near -> "; did you mean " + near + "?").orElse("");
    }

    /** A name that begins so, or that differs by two letters at most and by less than half of all. */
    private static Optional<String> near(String name, Collection<String> known) {
        return known.stream()
                .filter(flag -> isNear(name, flag.replaceFirst("^-+", "")))
                .min(Comparator.comparingInt((String flag) -> EditDistance.between(flag, "--" + name))
                        .thenComparing(Comparator.naturalOrder()));
    }

    private static boolean isNear(String name, String flag) {
        int edits = EditDistance.between(name, flag);
        return edits <= MOST_EDITS && 2 * edits < name.length()
                || name.length() >= LEAST_PREFIX && flag.startsWith(name);
    }
}
