package io.kinema.train.rank;

import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.metrics.Spike;
import io.kinema.train.optim.Spikes;
import io.kinema.train.run.Recipe;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.TrainState;
import io.kinema.train.step.Trainer;
import io.kinema.train.step.TrainingException;
import java.io.IOException;
import java.util.function.BooleanSupplier;

/**
 * Step after step: what each gave is written down, checkpoints are saved when they are due, and after spikes in a row
 * training goes back to one.
 */
final class TrainingLoop {
    private final TrainState state;
    private final Trainer trainer;
    private final StateStore checkpoints;
    private final Schedule schedule;
    private final RunLog log;

    /**
     * When checkpoints are written.
     *
     * @param config of the run
     * @param every steps between them; 0 for one at the end only
     * @param description of what is saved
     */
    record Schedule(Recipe config, long every, Description description) {
        boolean isDue(long step) {
            return step == config.steps() || isRegular(step);
        }

        private boolean isRegular(long step) {
            return every > 0 && step % every == 0;
        }
    }

    /** Says of the state as it is what a checkpoint needs beside the weights. */
    interface Description {
        CheckpointState in(long epoch) throws IOException;
    }

    TrainingLoop(TrainState state, Trainer trainer, StateStore checkpoints, Schedule schedule, RunLog log) {
        this.state = state;
        this.trainer = trainer;
        this.checkpoints = checkpoints;
        this.schedule = schedule;
        this.log = log;
    }

    /**
     * Trains from the state's step to the end.
     *
     * @param stopRequested whether this rank was asked to stop; all ranks then save and return
     * @throws TrainingException when loss or gradient are not finite, or too many are spikes
     * @throws IOException when a shard is damaged, or a checkpoint or the log cannot be written
     */
    void run(BooleanSupplier stopRequested) throws IOException {
        boolean isStopping = false;
        double checkpointMs = 0;
        long firstEpoch = trainer.epoch();
        boolean hasRemarked = false;
        while (state.step < schedule.config.steps() && !isStopping) {
            Trainer.StepResult stepped =
                    trainer.step(() -> checkpoints.notice(stopRequested.getAsBoolean()), checkpointMs);
            log.step(stepped.metrics());
            checkpoints.proceed(stepped.notice());
            if (stepped.spike().isPresent()) {
                afterSpike(stepped.spike().get());
            }
            isStopping = stepped.notice().stopRequested();
            boolean isEpochOver = trainer.epoch() > firstEpoch || state.step == schedule.config.steps();
            if (isEpochOver && !hasRemarked) {
                hasRemarked = true;
                log.remarks(trainer.remarks());
            }
            // Not where somebody stopped the run: that must not decide which checkpoint training goes back to.
            if (schedule.config.spikeSigma() > 0 && schedule.isRegular(state.step)) {
                state.spikes = state.spikes.atCheckpoint(state.step);
            }
            long beginNanos = System.nanoTime();
            boolean isDue = isStopping || schedule.isDue(state.step);
            if (isDue) {
                checkpoints.save(schedule.description.in(trainer.epoch()));
            }
            checkpointMs = isDue ? (System.nanoTime() - beginNanos) / 1e6 : 0;
        }
        checkpoints.finish();
    }

    private void afterSpike(Spike spike) throws IOException {
        Spikes spikes = state.spikes;
        if (!spikes.mustReturn()) {
            log.spike(spike);
            return;
        }
        if (!spikes.canReturn()) {
            String tried = spikes.checkpoint() == 0
                    ? "there is no checkpoint from before to go back to"
                    : "going back to step " + spikes.checkpoint() + " has not helped " + spikes.returns() + " times";
            throw new TrainingException("step " + spike.step() + ": " + spike.because() + ", spike number "
                    + spikes.inRow() + " in a row, and " + tried
                    + "; no weight was changed; lower --learning-rate or --clip-norm, or raise"
                    + " --spike-sigma, and resume");
        }
        log.spike(spike.returningTo(spikes.checkpoint()));
        checkpoints.goBack();
    }
}
