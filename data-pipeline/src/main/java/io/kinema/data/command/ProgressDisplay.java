package io.kinema.data.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import me.tongfei.progressbar.ProgressState;

/** How far work is, on stderr: a bar on a terminal; elsewhere a plain line now and then, and one at the end. */
public final class ProgressDisplay {
    private static final int BAR_MS = 500;
    private static final int LINE_MS = 10_000;
    private static final int MOST_CHARACTERS = 200;

    private ProgressDisplay() {}

    /**
     * Shows progress.
     *
     * @param name of the work, such as {@code Preparing}
     * @param unit of the count, such as {@code files}
     * @param total the count at the end
     * @return the bar; the caller closes it
     */
    public static ProgressBar bar(String name, String unit, long total) {
        return bar(name, unit, 1, total);
    }

    /**
     * The same, counted in larger units.
     *
     * @param name of the work, such as {@code Reading}
     * @param unit of the count, such as {@code MB}
     * @param unitSize how many of what is counted make up a unit
     * @param total the count at the end
     * @return the bar; the caller closes it
     */
    public static ProgressBar bar(String name, String unit, long unitSize, long total) {
        ProgressBarBuilder bar = new ProgressBarBuilder()
                .setTaskName(name)
                .setInitialMax(total)
                .setUnit(" " + unit, unitSize)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(BAR_MS);
        if (!isTerminal()) {
            bar.setRenderer((state, _) -> line(state, unit, unitSize))
                    .setConsumer(new Lines())
                    .setUpdateIntervalMillis(LINE_MS);
        }
        return bar.build();
    }

    /** Whether stderr is a screen that can go back to the beginning of a line. */
    static boolean isTerminal() {
        if ("dumb".equals(System.getenv("TERM"))) {
            return false;
        }
        try {
            String stderr = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
            return stderr.startsWith("/dev/pts/") || stderr.startsWith("/dev/tty") || stderr.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException notLinux) {
            return System.console() != null && System.console().isTerminal();
        }
    }

    /** Nothing at the very beginning: short work has one line. */
    static String line(ProgressState state, String unit, long unitSize) {
        double seconds = state.getElapsedAfterStart().toMillis() / 1e3;
        if (state.getCurrent() < state.getMax() && seconds < 1) {
            return "";
        }
        long max = Math.max(1, state.getMax());
        String left = state.getCurrent() == 0
                ? "?"
                : clock(Math.round(seconds * (max - state.getCurrent()) / state.getCurrent()));
        return String.format(
                        Locale.ROOT,
                        "%s %d/%d %s (%d %%), %s gone, %s left %s",
                        state.getTaskName(),
                        state.getCurrent() / unitSize,
                        max / unitSize,
                        unit,
                        100 * state.getCurrent() / max,
                        clock(Math.round(seconds)),
                        left,
                        state.getExtraMessage())
                .strip();
    }

    private static String clock(long seconds) {
        Duration time = Duration.ofSeconds(Math.max(0, seconds));
        return time.toHours() > 0
                ? String.format(Locale.ROOT, "%d:%02d:%02d", time.toHours(), time.toMinutesPart(), time.toSecondsPart())
                : String.format(Locale.ROOT, "%d:%02d", time.toMinutes(), time.toSecondsPart());
    }

    /** Prints each line once. */
    private static final class Lines implements ProgressBarConsumer {
        private String last = "";

        @Override
        public int getMaxRenderedLength() {
            return MOST_CHARACTERS;
        }

        @Override
        public void accept(String line) {
            if (!line.isEmpty() && !line.equals(last)) {
                System.err.println(line);
                last = line;
            }
        }

        @Override
        public void close() {
            System.err.flush();
        }
    }
}
