package io.kinema.train.rank;

import io.kinema.train.metrics.ProgressLine;
import io.kinema.train.metrics.Spike;
import io.kinema.train.metrics.StepLog;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunFolder;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.util.List;

/** What rank 0 prints and keeps of each step. */
final class RunLog implements AutoCloseable {
    private final StepLog metrics;
    private final StepLog spikes;
    private final ProgressLine progress;
    private final PrintStream out;

    private RunLog(StepLog metrics, StepLog spikes, ProgressLine progress, PrintStream out) {
        this.metrics = metrics;
        this.spikes = spikes;
        this.progress = progress;
        this.out = out;
    }

    /** Goes on after a step; what the files have of later ones is dropped. */
    static RunLog open(RunFolder folder, Recipe config, long step) throws IOException {
        StepLog metrics = StepLog.open(folder.metrics(), step);
        boolean hasSpikes = config.spikeSigma() > 0 || Files.exists(folder.spikes());
        StepLog spikes = hasSpikes ? StepLog.open(folder.spikes(), step) : StepLog.none();
        return new RunLog(metrics, spikes, new ProgressLine(config.steps()), System.out);
    }

    /** For ranks that print and keep nothing. */
    static RunLog none() {
        return new RunLog(
                StepLog.none(),
                StepLog.none(),
                new ProgressLine(0),
                new PrintStream(OutputStream.nullOutputStream(), false));
    }

    void step(StepMetrics step) throws IOException {
        metrics.write(step);
        out.println(progress.of(step));
    }

    /** Says once a start what stands out in the data that rank 0 has read. */
    void remarks(List<String> lines) {
        lines.forEach(out::println);
    }

    void spike(Spike spike) throws IOException {
        spikes.write(spike);
        if (spike.returnedTo() > 0) {
            out.println("step " + spike.step() + " was a spike too many in a row: going on with the weights of step "
                    + spike.returnedTo());
        }
    }

    @Override
    public void close() throws IOException {
        try (metrics) {
            spikes.close();
        }
    }
}
