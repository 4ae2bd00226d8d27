package io.kinema.train.save;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.CheckpointPolicy;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Which checkpoint a run starts from. The launcher decides, before it touches the run folder.
 *
 * @param run what is trained, and with which {@code --resume}
 */
public record ResumeChoice(RunDescription run) {

    /**
     * Decides.
     *
     * @param warning is told, in a line each, of checkpoints that are skipped and of flags that differ
     * @return the checkpoint, verified; empty to start at step 0
     * @throws ConfigException when the choice is not possible: another model, seed or data set, a run that is complete,
     *     …
     * @throws IOException when the checkpoint that the user names is damaged
     */
    public Optional<Checkpoint> choose(Consumer<String> warning) throws IOException {
        CheckpointFolder folder = new CheckpointFolder(run.folder().checkpoints());
        String resume = run.settings().checkpoints().resume();
        Optional<Checkpoint> chosen = switch (resume) {
            case CheckpointPolicy.RESUME_NEVER -> never(folder);
            case CheckpointPolicy.RESUME_AUTO -> auto(folder, warning);
            default -> Optional.of(named(Path.of(resume), folder));
        };
        Recipe config = config();
        if (chosen.isPresent() && chosen.get().state().step() >= config.steps()) {
            throw new ConfigException(
                    chosen.get().folder() + " has made " + chosen.get().state().step() + " steps, --steps is "
                            + config.steps() + "; raise --steps to go on, or choose another --run");
        }
        chosen.ifPresent(checkpoint -> new FlagChanges(checkpoint, run.flags()).tell(warning));
        return chosen;
    }

    /**
     * Decides again after a failure.
     *
     * @param began the checkpoint that {@link #choose} gave, as a path; empty for none
     * @param unrestorable checkpoints that ranks could not restore
     * @param warning is told, in a line each, of checkpoints that are skipped
     * @return the run's newest valid checkpoint, or else what it began with, verified; empty to start at step 0
     * @throws ConfigException when what it began with is gone, or nothing is left that could be restored
     * @throws IOException when what it began with is damaged by now
     */
    public Optional<Checkpoint> again(String began, Set<Path> unrestorable, Consumer<String> warning)
            throws IOException {
        Optional<Checkpoint> newest = new CheckpointFolder(run.folder().checkpoints())
                .newestValid(warning, checkpoint -> {
                    if (unrestorable.contains(checkpoint.folder().toAbsolutePath())) {
                        throw new IOException(checkpoint.folder() + " could not be restored");
                    }
                    checkpoint.requireFits(layout());
                });
        if (newest.isEmpty() && !unrestorable.isEmpty() && unrestorable.contains(Path.of(began))) {
            throw new ConfigException("no checkpoint of " + run.files().folder()
                    + " could be restored; restore one, or choose another --run to start over");
        }
        if (newest.isPresent() || began.isEmpty()) {
            return newest;
        }
        Checkpoint first = Checkpoint.open(Path.of(began));
        first.verify();
        return Optional.of(first);
    }

    private ParameterLayout layout() {
        return new SpacetimeDit(config().model()).layout();
    }

    private Recipe config() {
        return run.settings().recipe();
    }

    private Optional<Checkpoint> never(CheckpointFolder folder) throws IOException {
        int checkpoints = folder.list().size();
        if (checkpoints > 0) {
            throw new ConfigException("--resume never, but " + run.files().folder() + " holds a run with " + checkpoints
                    + " checkpoints; choose another --run, or --resume auto to continue it");
        }
        return Optional.empty();
    }

    private Optional<Checkpoint> auto(CheckpointFolder folder, Consumer<String> warning) throws IOException {
        List<Path> all = folder.list();
        // One of another model is not skipped but refused, below.
        Optional<Checkpoint> newest = folder.newestValid(warning, checkpoint -> {
            if (checkpoint
                    .state()
                    .config()
                    .model()
                    .equals(config().forCheckpoint().model())) {
                checkpoint.requireFits(layout());
            }
        });
        if (newest.isEmpty() && !all.isEmpty()) {
            throw new ConfigException("none of the " + all.size() + " checkpoints of "
                    + run.files().folder() + " is whole; restore one, or choose another --run to start over");
        }
        if (newest.isPresent()) {
            requireSameModel(newest.get());
            CheckpointState found = newest.get().state();
            requireSame(newest.get(), "seed", found.seed(), config().seed(), "--seed");
            requireSameData(newest.get());
            requireSame(
                    newest.get(),
                    "microbatches",
                    found.cursor().microbatches(),
                    config().microbatches(),
                    "--microbatches");
            requireSame(newest.get(), "tokens", found.cursor().tokens(), config().tokens(), "--tokens");
        }
        return newest;
    }

    /** Data, seed and microbatches may differ: this begins a run of its own, from weights that are there. */
    private Checkpoint named(Path path, CheckpointFolder folder) throws IOException {
        if (!Files.isDirectory(path)) {
            throw new ConfigException("--resume " + path
                    + " is not a folder; use auto, never, or a folder such as RUN/checkpoints/step-00000100");
        }
        Checkpoint checkpoint = Checkpoint.open(CheckpointFolder.newestAt(path));
        checkpoint.verify();
        requireSameModel(checkpoint);
        checkpoint.requireFits(layout());
        for (Path own : folder.list()) {
            if (CheckpointFolder.stepOf(own) > checkpoint.state().step()) {
                throw new ConfigException("--resume " + path + " is of step "
                        + checkpoint.state().step() + ", but " + run.files().folder() + " holds " + own.getFileName()
                        + " already; choose another --run");
            }
        }
        return checkpoint;
    }

    private void requireSameData(Checkpoint checkpoint) {
        RunFiles files = run.files();
        String found = checkpoint.state().dataSha256();
        if (!found.equals(files.dataSha256())) {
            throw new ConfigException(checkpoint.folder() + " was trained on a data set whose manifest has SHA-256 "
                    + found + ", that of --data " + files.data() + " has " + files.dataSha256()
                    + "; give the data set of before, or begin a run with this one: --resume " + checkpoint.folder()
                    + " --run NEW");
        }
    }

    private void requireSameModel(Checkpoint checkpoint) {
        CheckpointState.Config found = checkpoint.state().config();
        CheckpointState.Config asked = config().forCheckpoint();
        requireSame(checkpoint, "model", found.model(), asked.model(), "--model, --caption-model and --patch");
        requireSame(checkpoint, "diffusion", found.diffusion(), asked.diffusion(), "--diffusion");
        requireSame(checkpoint, "time shift", found.timeShift(), asked.timeShift(), "--time-shift");
    }

    private static void requireSame(Checkpoint checkpoint, String what, Object found, Object asked, String flag) {
        if (!found.equals(asked)) {
            throw new ConfigException(checkpoint.folder() + " has " + what + " " + found + ", the flags ask for "
                    + asked + "; give the same " + flag + ", or another --run");
        }
    }
}
