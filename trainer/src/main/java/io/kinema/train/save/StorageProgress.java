package io.kinema.train.save;

import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;

/** Says how far a checkpoint is, where it takes so long that somebody wonders. */
final class StorageProgress {
    private static final Duration EVERY = Duration.ofSeconds(5);
    private static final double MEGABYTE = 1e6;
    private static final double GIGABYTE = 1e9;

    private final String what;
    private final long totalBytes;
    private final Consumer<String> screen;
    private final long beginNanos;
    private long saidNanos;

    /**
     * Begins.
     *
     * @param what as "reading step-00000100"
     * @param totalBytes that are written and read until the end; 0 to say nothing
     * @param screen takes lines
     * @param nowNanos {@link System#nanoTime}
     */
    StorageProgress(String what, long totalBytes, Consumer<String> screen, long nowNanos) {
        this.what = what;
        this.totalBytes = totalBytes;
        this.screen = screen;
        beginNanos = nowNanos;
        saidNanos = nowNanos;
    }

    /** Says so, if it is time. */
    void at(long bytes, long nowNanos) {
        if (totalBytes == 0 || nowNanos - saidNanos < EVERY.toNanos()) {
            return;
        }
        saidNanos = nowNanos;
        long reached = Math.min(bytes, totalBytes);
        double seconds = (nowNanos - beginNanos) / 1e9;
        String left = reached == 0
                ? ""
                : String.format(
                        Locale.ROOT, ", about %.0f s left", seconds * (totalBytes - reached) / (double) reached);
        boolean isLarge = totalBytes >= GIGABYTE;
        double unit = isLarge ? GIGABYTE : MEGABYTE;
        screen.accept(String.format(
                Locale.ROOT,
                "%s: %.1f of %.1f %s%s",
                what,
                reached / unit,
                totalBytes / unit,
                isLarge ? "GB" : "MB",
                left));
    }
}
