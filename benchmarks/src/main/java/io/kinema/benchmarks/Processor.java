package io.kinema.benchmarks;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** What figures belong to. */
final class Processor {
    private static final Path INFO = Path.of("/proc/cpuinfo");

    private Processor() {}

    /**
     * The processor's name, or its architecture where the system does not tell; how many; whether it multiplies bf16;
     * and the load: figures from a busy machine mean little.
     */
    static String name() throws IOException {
        String name = System.getProperty("os.arch");
        boolean bf16 = false;
        if (Files.isReadable(INFO)) {
            for (String line : Files.readAllLines(INFO)) {
                String value = line.substring(line.indexOf(':') + 1).strip();
                if (line.startsWith("model name")) {
                    name = value;
                } else if (line.startsWith("flags") || line.startsWith("Features")) {
                    bf16 |= value.contains("bf16");
                }
            }
        }
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        return name + ", " + Runtime.getRuntime().availableProcessors() + " processors, " + (bf16 ? "with" : "without")
                + " bf16 instructions" + (load < 0 ? "" : String.format(Locale.ROOT, ", load average %.1f", load));
    }
}
