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
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Prints the time of each operation beside its bound: the device's matrix product, or the machine's memory. */
public final class OperationTable {
    private static final int MIN_RUNS = 5;

    @Parameter(names = "--operations", order = 0, description = "Which, separated by commas; all if absent")
    private String operations = "";

    @Parameter(names = "--precisions", order = 1, description = "In which precisions, of fp32 and bf16")
    private String precisions = "fp32,bf16";

    @Parameter(names = "--seconds", order = 2, description = "How long each is timed, after as long to warm up")
    private double seconds = 1;

    @Parameter(
            names = "--threads",
            order = 3,
            description = "Threads; 0 is all processors (1 on nd4j, which has no more)")
    private int threads;

    @Parameter(names = "--device", order = 4, description = "cpu or nd4j; the best here if absent")
    private String device = "";

    private OperationTable() {}

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
            OperationTable command = new OperationTable();
            String summary = "times single operations against the matmul peak and the copy bandwidth of this machine";
            if (new CommandLine("benchmarks/run.sh operations", summary, command).parse(args)) {
                command.print();
            }
            return 0;
        });
    }

    private void print() throws IOException, InterruptedException {
        if (!(seconds > 0)) {
            throw new ConfigException("--seconds " + seconds + " is out of range; use more than 0");
        }
        System.out.println(Processor.name());
        for (String name : precisions.split(",", -1)) {
            DeviceConfig config =
                    DeviceConfig.resolve(device, Precision.parse(name.strip()).flag(), threads, 1);
            print(config);
        }
    }

    /** One operation's row before the bounds are known. */
    private record Row(String name, Operation operation, double medianSeconds) {}

    private void print(DeviceConfig config) throws InterruptedException {
        CopySpeed memory = new CopySpeed(config.threads());
        memory.measure();
        List<Row> rows = new ArrayList<>();
        double flopsPerSecond;
        try (Device on = Devices.open(config)) {
            double before = MatmulPeak.measure(on, config.threads(), StepBenchmark.PEAK_ROUNDS);
            Operations all = new Operations(on);
            for (String name : operations.isEmpty() ? all.names() : List.of(operations.split(","))) {
                try (Device.Scope _ = on.openScope()) {
                    Operation operation = all.get(name);
                    time(operation);
                    rows.add(new Row(name, operation, time(operation)));
                }
            }
            flopsPerSecond = Math.max(before, MatmulPeak.measure(on, config.threads(), StepBenchmark.PEAK_ROUNDS));
        }
        memory.measure();
        System.out.printf(
                Locale.ROOT,
                "%n%s; matmul peak %.0f GFLOP/s, copy bandwidth %.1f GB/s%n%n"
                        + "| operation | on | ms | rate | %% of bound |%n|---|---|---:|---:|---:|%n",
                config.describe(),
                flopsPerSecond / 1e9,
                memory.bytesPerSecond() / 1e9);
        for (Row row : rows) {
            System.out.println(line(row, flopsPerSecond, memory.bytesPerSecond()));
        }
    }

    private static String line(Row row, double flopsPerSecond, double bytesPerSecond) {
        boolean multiplies = row.operation.flops() > 0;
        double work = multiplies ? row.operation.flops() : row.operation.bytes();
        double rate = work / row.medianSeconds;
        return String.format(
                Locale.ROOT,
                "| %s | %s | %.2f | %s | %.0f |",
                row.name,
                row.operation.size(),
                1e3 * row.medianSeconds,
                String.format(Locale.ROOT, multiplies ? "%.0f GFLOP/s" : "%.1f GB/s", rate / 1e9),
                100 * rate / (multiplies ? flopsPerSecond : bytesPerSecond));
    }

    /** The median of as many runs as fit. */
    private double time(Operation operation) {
        List<Double> runs = new ArrayList<>();
        long start = System.nanoTime();
        long now = start;
        while (runs.size() < MIN_RUNS || now - start < seconds * 1e9) {
            long before = System.nanoTime();
            operation.run();
            now = System.nanoTime();
            runs.add((now - before) / 1e9);
        }
        return StepResult.median(runs.stream().mapToDouble(Double::doubleValue).toArray());
    }
}
