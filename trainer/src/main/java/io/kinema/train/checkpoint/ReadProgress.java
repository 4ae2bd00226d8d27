package io.kinema.train.checkpoint;

import io.kinema.data.command.ProgressDisplay;
import java.util.Optional;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;

/** A bar for bytes that are read, where they are so many that somebody waits for them. */
final class ReadProgress implements LongConsumer, AutoCloseable {
    private static final long MANY_BYTES = 256L << 20;
    private static final long MEGABYTE = 1_000_000;

    private final Optional<ProgressBar> bar;

    private ReadProgress(Optional<ProgressBar> bar) {
        this.bar = bar;
    }

    static ReadProgress of(String task, long totalBytes) {
        if (totalBytes < MANY_BYTES) {
            return new ReadProgress(Optional.empty());
        }
        return new ReadProgress(Optional.of(ProgressDisplay.bar(task, "MB", MEGABYTE, totalBytes)));
    }

    @Override
    public void accept(long bytes) {
        bar.ifPresent(shown -> shown.stepBy(bytes));
    }

    @Override
    public void close() {
        bar.ifPresent(ProgressBar::close);
    }
}
