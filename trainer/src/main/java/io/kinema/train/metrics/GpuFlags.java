package io.kinema.train.metrics;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.util.Locale;

/** The flags of every command that says what operations take on accelerators. */
public final class GpuFlags {
    private static final double SECONDS_PER_HOUR = 3600;

    @Parameter(names = "--gpu", order = 30, description = "v100, a100, l40s, h100, h200 or b200")
    private String gpu = "h100";

    @Parameter(names = "--utilisation", order = 31, description = "Share of its peak that is got")
    private double utilisation = 0.4;

    @Parameter(names = "--price", order = 32, description = "Of an hour of one --gpu; no cost is said if absent")
    private double price;

    /** Flags as they are when none is given; JCommander fills in those that are. */
    public GpuFlags() {}

    /**
     * Checks the flags.
     *
     * @throws ConfigException on a mistake in them
     */
    public void check() {
        GpuPrice.named("--gpu", gpu);
        CommandLine.requireRange("--utilisation", utilisation, 1e-6, 1);
        CommandLine.requireRange("--price", price, 0, 1e9);
    }

    /**
     * Returns what one gets done.
     *
     * @return floating point operations an hour
     */
    public double flopsPerHour() {
        return GpuPrice.named("--gpu", gpu).flopsPerSecond() * utilisation * SECONDS_PER_HOUR;
    }

    /**
     * Says what operations take.
     *
     * @param flops how many
     * @param gpus that share them
     * @return time and, where a price is given, cost, for people
     */
    public String text(double flops, int gpus) {
        double hours = flops / (flopsPerHour() * gpus);
        String time = hours < 1
                ? String.format(Locale.ROOT, "%.3g seconds", hours * SECONDS_PER_HOUR)
                : String.format(Locale.ROOT, "%.4g hours", hours);
        String cost = price > 0 ? String.format(Locale.ROOT, ", cost %.4g", hours * gpus * price) : "";
        return String.format(
                Locale.ROOT,
                "%s on %d %s at %.0f %% of the peak%s",
                time,
                gpus,
                GpuPrice.named("--gpu", gpu).name(),
                100 * utilisation,
                cost);
    }
}
