package io.kinema.train.sweep;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.LaunchScript;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Sha256;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.launch.SlurmJob;
import io.kinema.train.run.FolderLock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import me.tongfei.progressbar.ProgressBar;

/**
 * Trains and measures what of a sweep is not yet, several points at a time, and keeps {@code points.csv} up to date.
 */
final class SweepRun {
    private static final double GIGA = 1e9;
    private static final int INTERVAL_MILLIS = 2000;
    private static final int JOB_DIGITS = 8;
    private static final int PATIENCE_SECONDS = 30;

    private final SweepFlags flags;
    private final SweepFolder folder;
    private final List<PlannedPoint> plan;
    private final Map<PlannedPoint, String> failed = Collections.synchronizedMap(new LinkedHashMap<>());
    private final Map<PlannedPoint, ScalingPoint> done = new ConcurrentHashMap<>();

    /** Why the sweep ends before its points do. */
    private final AtomicReference<Throwable> end = new AtomicReference<>();

    private final CountDownLatch ended = new CountDownLatch(1);

    /** A point whose process was told to stop: nobody wants the others either. */
    private static final class StoppedException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    SweepRun(SweepFlags flags, SweepFolder folder, List<PlannedPoint> plan) {
        this.flags = flags;
        this.folder = folder;
        this.plan = plan;
    }

    /** Of a point's Slurm jobs, the same whenever the sweep is run. */
    private String job(PlannedPoint point) {
        String sweep = Sha256.of(folder.path().toString().getBytes(StandardCharsets.UTF_8));
        return "kinema-" + point.name() + "-" + sweep.substring(0, JOB_DIGITS);
    }

    /** Whether every point is measured at the end; those that are not have been named. */
    boolean run() throws IOException, InterruptedException {
        try {
            return trainAndMeasureAll();
        } finally {
            ended.countDown();
        }
    }

    private boolean trainAndMeasureAll() throws IOException, InterruptedException {
        System.out.println(SweepTable.HEADER);
        List<PlannedPoint> open = new ArrayList<>();
        for (PlannedPoint point : plan) {
            if (!folder.isMeasured(point)) {
                open.add(point);
                continue;
            }
            try {
                done.put(point, measured(point));
                System.out.println(SweepTable.row(point, done.get(point)));
            } catch (IOException e) {
                failed.put(point, e.getMessage());
            }
        }
        writePoints();
        // The longest first: what is left for the end is short, and no slot stays empty for long.
        Collections.reverse(open);
        double flops = open.stream().mapToDouble(PlannedPoint::flops).sum();
        try (ExecutorService slots = Executors.newFixedThreadPool(
                        flags.slots, Thread.ofPlatform().name("sweep-slot-", 0).factory());
                ProgressBar bar = ProgressDisplay.bar("Training", "GFLOP", Math.max(1, Math.round(flops / GIGA)))) {
            Thread stop = new Thread(() -> stop(open), "sweep-stop");
            Runtime.getRuntime().addShutdownHook(stop);
            List<Future<?>> points = new ArrayList<>();
            open.forEach(point -> points.add(slots.submit(() -> attemptUnlessOver(point))));
            while (end.get() == null && !points.stream().allMatch(Future::isDone)) {
                Thread.sleep(INTERVAL_MILLIS);
                try {
                    show(bar, open);
                } catch (IOException e) {
                    end.compareAndSet(null, e);
                }
            }
            if (end.get() == null) {
                Runtime.getRuntime().removeShutdownHook(stop);
            } else {
                slots.shutdownNow();
            }
        }
        switch (end.get()) {
            case null -> {}
            case StoppedException _ -> {
                System.out.println("stopped; launch/sweep.sh run @" + folder.flags() + " goes on");
                return false;
            }
            case IOException io -> throw io;
            case RuntimeException runtime -> throw runtime;
            case Throwable t -> throw new IllegalStateException(t);
        }
        writePoints();
        failed.forEach((point, reason) ->
                System.err.println("failed: " + point.name() + ": " + reason + "; see " + folder.log(point)));
        System.out.println(done.size() + " of " + plan.size() + " points are in " + folder.points());
        return failed.isEmpty() && done.size() == plan.size();
    }

    /**
     * When this process is told to end: nothing is begun any more, and Slurm's jobs, which would outlive it, are ended.
     */
    private void stop(List<PlannedPoint> points) {
        end.compareAndSet(null, new StoppedException());
        if (flags.slurm) {
            points.forEach(this::cancel);
        }
        try {
            // For the last words.
            ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void cancel(PlannedPoint point) {
        try {
            if (SlurmJob.isQueued(job(point))) {
                SlurmJob.cancel(job(point));
            }
        } catch (ConfigException e) {
            System.err.println("error: the job " + job(point) + " may go on: " + e.getMessage());
        }
    }

    private void show(ProgressBar bar, List<PlannedPoint> open) throws IOException {
        double flops = 0;
        List<String> running = new ArrayList<>();
        for (PlannedPoint point : open) {
            long steps = done.containsKey(point) ? point.steps() : folder.steps(point);
            flops += point.flops() * steps / point.steps();
            if (steps > 0 && !done.containsKey(point) && !failed.containsKey(point)) {
                running.add(point.name() + " " + steps + "/" + point.steps());
            }
        }
        bar.stepTo(Math.round(flops / GIGA));
        bar.setExtraMessage(" " + done.size() + "/" + plan.size() + " points  " + String.join("  ", running));
    }

    private void attemptUnlessOver(PlannedPoint point) {
        if (end.get() == null) {
            try {
                attempt(point);
            } catch (Throwable t) {
                // Of all points and not of this one.
                end.compareAndSet(null, t);
            }
        }
    }

    private void attempt(PlannedPoint point) throws IOException, InterruptedException {
        String reason = "";
        for (int attempt = 1; attempt <= flags.attempts && end.get() == null; attempt++) {
            awaitFree(point);
            try {
                reason = trainAndMeasure(point);
                if (reason.isEmpty()) {
                    finish(point);
                    return;
                }
            } catch (IOException e) {
                reason = e.getMessage();
            }
        }
        if (end.get() == null) {
            failed.put(point, reason + " (" + flags.attempts + (flags.attempts == 1 ? " attempt)" : " attempts)"));
        }
    }

    /** A sweep that was killed has left its trainings, which go on by themselves. */
    private void awaitFree(PlannedPoint point) throws IOException, InterruptedException {
        while (FolderLock.isTaken(folder.run(point)) || flags.slurm && SlurmJob.isQueued(job(point))) {
            Thread.sleep(INTERVAL_MILLIS);
        }
    }

    /** Why it failed; empty where it did not. */
    private String trainAndMeasure(PlannedPoint point) throws IOException {
        if (folder.trained(point).isEmpty()) {
            int code = train(point);
            if (code != 0) {
                return "launch/train.sh ended with exit code " + code;
            }
        }
        Optional<Path> checkpoint = folder.trained(point);
        if (checkpoint.isEmpty()) {
            return "launch/train.sh ended without a checkpoint of step " + point.steps();
        }
        int code = measure(point, checkpoint.get());
        return code == 0 ? "" : "launch/evaluate.sh ended with exit code " + code;
    }

    private int train(PlannedPoint point) throws IOException {
        List<String> args = new ArrayList<>(trainArgs(point));
        Map<String, String> variables = Map.of();
        if (flags.slurm) {
            args.add("--slurm");
            variables = Map.of(
                    "SBATCH_WAIT",
                    "1",
                    "SBATCH_JOB_NAME",
                    job(point),
                    "SBATCH_OUTPUT",
                    folder.log(point).toString());
        }
        while (true) {
            long before = folder.steps(point);
            int code = finished(new LaunchScript("train.sh", args).runInto(folder.log(point), List.of(), variables));
            // A job whose time is up, as Slurm says two minutes before, goes on in another.
            if (code != ExitCode.TERMINATE.number() || folder.steps(point) <= before) {
                return code;
            }
        }
    }

    private int measure(PlannedPoint point, Path checkpoint) throws IOException {
        List<String> args = new ArrayList<>(flags.evaluateArgs(checkpoint.toString()));
        args.addAll(List.of("--output", folder.losses(point).toString(), "--force"));
        List<String> by = flags.slurm ? List.of("srun", "--ntasks=1", "--job-name=" + job(point)) : List.of();
        return finished(new LaunchScript("evaluate.sh", args).runInto(folder.log(point), by, Map.of()));
    }

    /** The exit code, unless it says that somebody wants no more. */
    private int finished(int code) {
        boolean isStopped = code == ExitCode.INTERRUPT.number() || code == ExitCode.TERMINATE.number();
        if (isStopped && (!flags.slurm || end.get() != null)) {
            throw new StoppedException();
        }
        return code;
    }

    private List<String> trainArgs(PlannedPoint point) {
        return List.of(
                "@" + folder.trainFlags(),
                "--run",
                folder.run(point).toString(),
                "--model",
                point.model(),
                "--steps",
                Long.toString(point.steps()),
                "--microbatches",
                Integer.toString(point.microbatches()),
                "--learning-rate",
                Double.toString(point.learningRate()));
    }

    private ScalingPoint measured(PlannedPoint point) throws IOException {
        return folder.point(point, flags.captionModel, flags.flops.equals(SweepFlags.EXACT));
    }

    private synchronized void finish(PlannedPoint point) throws IOException {
        done.put(point, measured(point));
        writePoints();
        // Below the bar and not behind it.
        System.err.println();
        System.out.println(SweepTable.row(point, done.get(point)));
    }

    private void writePoints() throws IOException {
        PointsFile.write(
                folder.points(),
                plan.stream().filter(done::containsKey).map(done::get).toList());
    }
}
