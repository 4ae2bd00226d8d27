package io.kinema.train.metrics;

import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.Stream;

/**
 * What a device's matrix product reaches, the yardstick of {@code utilisation}. The best measurement is kept for each
 * processor, number of threads, precision and version of the libraries, in {@code $XDG_CACHE_HOME/kinema},
 * {@code ~/.cache/kinema} where that is not set: a file of two lines, what was measured and the floating point
 * operations a second.
 *
 * @param folder where measurements are kept
 */
public record MatmulPeak(Path folder) {
    private static final int SIZE = 1024;
    private static final int MIN_ROWS = 2048;
    private static final int ROWS_A_THREAD = 256;
    private static final int ROUNDS = 8;
    private static final int ROUNDS_AGAIN = 3;
    private static final Duration FRESH = Duration.ofHours(1);

    /**
     * Returns the measurements of this user.
     *
     * @return where they are kept
     */
    public static MatmulPeak ofThisUser() {
        Map<String, String> environment = System.getenv();
        String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
        return new MatmulPeak((cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache))
                .resolve("kinema"));
    }

    /**
     * Returns the best that was ever measured, and measures on a device of its own unless that was done within the
     * hour: a machine that was busy the first time does not spoil the yardstick, and a training that starts again at
     * once does not wait for it. A folder that cannot be written only means that nothing is known from before.
     *
     * @param config of the device whose product is meant
     * @return floating point operations a second
     */
    public double flopsPerSecond(DeviceConfig config) {
        String what = what(config);
        Path file = folder.resolve("matmul-peak-" + HexFormat.of().toHexDigits(what.hashCode()) + ".txt");
        double known = read(file, what).orElse(0);
        if (known > 0 && isFresh(file)) {
            return known;
        }
        double measured;
        try (Device device = Devices.open(config)) {
            measured = measure(device, config.threads(), known > 0 ? ROUNDS_AGAIN : ROUNDS);
        }
        double best = Math.max(known, measured);
        keep(file, what, best);
        return best;
    }

    private static boolean isFresh(Path file) {
        try {
            return Files.getLastModifiedTime(file).toInstant().plus(FRESH).isAfter(Instant.now());
        } catch (IOException e) {
            return false;
        }
    }

    private static OptionalDouble read(Path file, String what) {
        try {
            List<String> lines = Files.readAllLines(file);
            if (lines.size() == 2 && lines.getFirst().equals(what)) {
                double value = Double.parseDouble(lines.getLast());
                return value > 0 && Double.isFinite(value) ? OptionalDouble.of(value) : OptionalDouble.empty();
            }
            return OptionalDouble.empty();
        } catch (IOException | NumberFormatException e) {
            // Nothing that can be read is nothing known: it is measured again.
            return OptionalDouble.empty();
        }
    }

    private static boolean keep(Path file, String what, double measured) {
        try {
            Files.createDirectories(file.getParent());
            Path fresh = Files.createTempFile(file.getParent(), "matmul-peak", ".tmp");
            Files.writeString(fresh, what + "\n" + measured + "\n");
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return true;
        } catch (IOException e) {
            // A home that cannot be written costs the next start a measurement, no more.
            return false;
        }
    }

    /** Everything that the figure depends on, in one line. */
    private static String what(DeviceConfig config) {
        return String.join(
                "; ",
                processor(),
                Runtime.getRuntime().availableProcessors() + " processors",
                config.name(),
                config.precision().flag(),
                config.threads() + " threads",
                libraries());
    }

    /** The lines of the first processor that name it; they differ from architecture to architecture. */
    private static String processor() {
        Path file = Path.of("/proc/cpuinfo");
        try (Stream<String> lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
            return lines.takeWhile(line -> !line.isBlank())
                    .filter(line -> line.matches(
                            "(model|model name|cpu family|stepping|CPU (implementer|part|variant))\\s*:.*"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .reduce((a, b) -> a + " " + b)
                    .orElse(System.getProperty("os.arch"));
        } catch (IOException e) {
            return System.getProperty("os.arch");
        }
    }

    /** Names and versions of the libraries that make products, as their files are called. */
    private static String libraries() {
        return Stream.of(System.getProperty("java.class.path").split(System.getProperty("path.separator")))
                .map(entry -> Path.of(entry).getFileName().toString())
                .filter(name -> name.matches("(dnnl|openblas|nd4j-\\w+|kinema-trainer)-.*\\.jar"))
                .sorted(Comparator.naturalOrder())
                .reduce((a, b) -> a + " " + b)
                .orElse("unknown libraries");
    }

    /**
     * Multiplies matrices of random numbers and takes the fastest round. The right one lasts until the device is
     * closed, as weights do, so that a device may keep a copy of it in the order that it multiplies in.
     *
     * @param device whose product is meant, no scope of it open
     * @param threads that it computes with
     * @param rounds how many
     * @return floating point operations a second
     */
    public static double measure(Device device, int threads, int rounds) {
        int rows = Math.max(MIN_ROWS, ROWS_A_THREAD * threads);
        Random random = new Random(1);
        Tensor weight = device.zeros(device.workingType(), SIZE, SIZE);
        Tensor bias = device.zeros(SIZE);
        double best = 0;
        try (Device.Scope _ = device.openScope()) {
            device.copy(weight, normals(device, random, SIZE));
            Tensor x = device.zeros(device.workingType(), rows, SIZE);
            device.copy(x, normals(device, random, rows));
            for (int round = 0; round < rounds; round++) {
                try (Device.Scope _ = device.openScope()) {
                    long start = System.nanoTime();
                    Tensor y = device.linear(x, weight, bias);
                    // Devices may compute late: the tensor must be there before the clock stops.
                    device.completion(y).await();
                    best = Math.max(best, 2.0 * rows * SIZE * SIZE * 1e9 / (System.nanoTime() - start));
                }
            }
        }
        return best;
    }

    /** Random numbers, the same in every row: zeros would be cheaper to multiply on some processors. */
    private static Tensor normals(Device device, Random random, int rows) {
        float[] row = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            row[i] = (float) random.nextGaussian();
        }
        float[] values = new float[rows * SIZE];
        for (int i = 0; i < rows; i++) {
            System.arraycopy(row, 0, values, i * SIZE, SIZE);
        }
        return device.of(values, rows, SIZE);
    }
}
