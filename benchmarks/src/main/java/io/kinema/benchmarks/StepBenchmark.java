package io.kinema.benchmarks;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.metrics.MatmulPeak;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Times whole training steps, Kinema's and PyTorch's in turn: the same weights, inputs and operations, precision and
 * number of threads.
 */
public final class StepBenchmark {
    /** Rounds in which the matmul peak is measured, before and after a case. */
    static final int PEAK_ROUNDS = 6;

    /** Both sides' first losses agree to this, relative; they differ by the rounding of a whole pass. */
    private static final double FP32_TOLERANCE = 1e-4;

    private static final double BF16_TOLERANCE = 0.02;

    /** The other side's threads spin for a moment after their work. */
    private static final long PAUSE_MS = 50;

    static final String INSTALL_PYTORCH = "  python3 -m venv venv && venv/bin/pip install torch==2.13.0 numpy"
            + " --extra-index-url https://download.pytorch.org/whl/cpu\n";

    @Parameter(
            names = "--cases",
            order = 0,
            description = "Which steps, of short, wide, long, mixed and tiny (for a try)")
    private String cases = StepCase.STANDARD;

    @Parameter(names = "--precisions", order = 1, description = "In which precisions, of fp32 and bf16")
    private String precisions = "fp32,bf16";

    @Parameter(names = "--rounds", order = 2, description = "Steps of each side that are timed; medians are reported")
    private int rounds = 5;

    @Parameter(names = "--warmup", order = 3, description = "Steps of Kinema before that")
    private int warmup = 8;

    @Parameter(
            names = "--threads",
            order = 4,
            description = "Threads of each side; 0 is all processors (1 on nd4j, which has no more)")
    private int threads;

    @Parameter(names = "--device", order = 5, description = "Kinema's device: cpu or nd4j; the best here if absent")
    private String device = "";

    @Parameter(names = "--python", order = 6, description = "Interpreter that has PyTorch")
    private String python = System.getenv().getOrDefault("PYTHON", "python3");

    @Parameter(names = "--json", order = 7, description = "Also write the results to this file")
    private String json = "";

    private StepBenchmark() {}

    /**
     * Prints the table.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(run(args));
    }

    /** Prints the table and returns the exit code. */
    static int run(String... args) {
        return CommandLine.run(() -> {
            StepBenchmark command = new StepBenchmark();
            if (new CommandLine("benchmarks/run.sh step", "times training steps beside PyTorch's", command)
                    .parse(args)) {
                command.compare();
            }
            return 0;
        });
    }

    private void compare() throws IOException, InterruptedException {
        requireAtLeastOne("--rounds", rounds);
        requireAtLeastOne("--warmup", warmup);
        List<StepCase> chosen = StepCase.parse(cases);
        List<DeviceConfig> configs = new ArrayList<>();
        for (String name : precisions.split(",", -1)) {
            configs.add(
                    DeviceConfig.resolve(device, Precision.parse(name.strip()).flag(), threads, 1));
        }
        Optional<Path> file = json.isEmpty() ? Optional.empty() : Optional.of(writable(Path.of(json)));
        String machine = Processor.name();
        Optional<PeerProcess> peer = startPeer(configs.getFirst().threads());
        List<StepResult> results = new ArrayList<>();
        try {
            for (DeviceConfig config : configs) {
                for (StepCase of : chosen) {
                    results.add(measure(of, config, peer));
                }
            }
        } finally {
            if (peer.isPresent()) {
                peer.get().close();
            }
        }
        System.out.println();
        System.out.println(machine + " before the start");
        System.out.println(describe(configs.getFirst(), peer, chosen));
        System.out.println(StepResult.table(results));
        if (file.isPresent()) {
            StepResult.write(file.get(), results);
        }
    }

    static void requireAtLeastOne(String flag, int value) {
        if (value < 1) {
            throw new ConfigException(flag + " " + value + " is out of range; use 1 or more");
        }
    }

    /** Better now than after an hour. */
    static Path writable(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        if (Files.isDirectory(file) || !Files.isWritable(Files.exists(file) ? file : folder)) {
            throw new ConfigException("--json " + file + " cannot be written; name a file in a folder that exists");
        }
        return file;
    }

    /** A program of {@code benchmarks/peers}. */
    static Path peer(String file) {
        String home = System.getenv("KINEMA_HOME");
        return Path.of(home == null ? "." : home, "benchmarks", "peers", file);
    }

    private Optional<PeerProcess> startPeer(int numThreads) throws IOException {
        try {
            return Optional.of(PeerProcess.start(python, peer("step.py"), numThreads));
        } catch (AbsentPeerException e) {
            System.err.println("no PyTorch (" + e.getMessage() + "), so this is Kinema's side alone; for both:\n"
                    + INSTALL_PYTORCH
                    + "  benchmarks/run.sh step --python venv/bin/python");
            return Optional.empty();
        }
    }

    private StepResult measure(StepCase of, DeviceConfig config, Optional<PeerProcess> peer)
            throws IOException, InterruptedException {
        System.err.println(
                of.name() + " (" + of.describe() + "), " + config.precision().flag());
        try (Device on = Devices.open(config)) {
            KinemaStep step = new KinemaStep(on, of);
            double loss = step.run();
            for (int i = 1; i < warmup; i++) {
                step.run();
            }
            double before = MatmulPeak.measure(on, config.threads(), PEAK_ROUNDS);
            Timed timed = peer.isPresent() ? inTurn(step, loss, of, config, peer.get()) : alone(step);
            double peak = Math.max(before, MatmulPeak.measure(on, config.threads(), PEAK_ROUNDS));
            return new StepResult(of.name(), config.precision().flag(), timed.kinemaMs, step.flops(), peak, timed.peer);
        }
    }

    /** Medians of both sides; of the second there is one or none. */
    private record Timed(double kinemaMs, List<StepResult.Peer> peer) {}

    private Timed alone(KinemaStep step) throws InterruptedException {
        double[] kinemaMs = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            kinemaMs[round] = milliseconds(step);
        }
        System.err.println("  Kinema ms " + rounded(kinemaMs));
        return new Timed(StepResult.median(kinemaMs), List.of());
    }

    private Timed inTurn(KinemaStep step, double loss, StepCase of, DeviceConfig config, PeerProcess peer)
            throws IOException, InterruptedException {
        PeerProcess.Prepared prepared = peer.prepare(of, config.precision());
        requireEqual(loss, prepared.loss(), config.precision());
        double[] kinemaMs = new double[rounds];
        double[] peerMs = new double[rounds];
        // The peer's preparation took the caches.
        step.run();
        for (int round = 0; round < rounds; round++) {
            kinemaMs[round] = milliseconds(step);
            Thread.sleep(PAUSE_MS);
            peerMs[round] = peer.stepMs();
        }
        System.err.println("  Kinema ms " + rounded(kinemaMs));
        System.err.println("  PyTorch ms " + rounded(peerMs) + " (" + prepared.variant() + ")");
        return new Timed(
                StepResult.median(kinemaMs),
                List.of(new StepResult.Peer(StepResult.median(peerMs), prepared.variant(), prepared.note())));
    }

    private static double milliseconds(KinemaStep step) throws InterruptedException {
        Thread.sleep(PAUSE_MS);
        long start = System.nanoTime();
        step.run();
        return (System.nanoTime() - start) / 1e6;
    }

    /** A comparison of different work would be worth nothing. */
    private static void requireEqual(double ours, double theirs, Precision precision) {
        double tolerance = precision == Precision.BF16 ? BF16_TOLERANCE : FP32_TOLERANCE;
        if (!(Math.abs(ours - theirs) <= tolerance * Math.abs(theirs))) {
            throw new IllegalStateException("Kinema's first loss is " + ours + ", PyTorch's " + theirs);
        }
    }

    private static String rounded(double[] ms) {
        return Arrays.toString(Arrays.stream(ms).mapToLong(Math::round).toArray());
    }

    private String describe(DeviceConfig config, Optional<PeerProcess> peer, List<StepCase> chosen) throws IOException {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "Kinema on %s%s; %d thread(s) each; medians of %d rounds in turn%n",
                config.name(),
                peer.map(process -> ", PyTorch " + process.version()).orElse(""),
                config.threads(),
                rounds));
        for (StepCase of : chosen) {
            text.append(of.name()).append(": ").append(of.describe()).append('\n');
        }
        return text.toString();
    }
}
