package io.kinema.train.run;

import java.nio.file.Path;
import java.util.List;

/**
 * All that the processes of a run must know of it. The launcher makes it once, of flags, environment and machine, and
 * writes it to {@code run.json} ({@link RunDescriptionFile}); ranks and hosts read it there. How many ranks a start
 * has, and from which checkpoint it goes on, may differ from one start to the next: ranks find both in their
 * environment.
 *
 * @param files what the run reads and writes
 * @param settings what its flags mean
 * @param flags that repeat it, one each, as in {@code run.args}
 */
public record RunDescription(RunFiles files, RunSettings settings, List<String> flags) {
    /** Keeps its own list. */
    public RunDescription {
        flags = List.copyOf(flags);
    }

    /**
     * Describes a run.
     *
     * @param given the flags that were parsed
     * @param settings what they were resolved to
     * @param files of the run
     * @return all of it
     */
    public static RunDescription of(TrainFlags given, RunSettings settings, RunFiles files) {
        return new RunDescription(files, settings, given.resolved(settings, files));
    }

    /**
     * Returns the run folder.
     *
     * @return {@code --run}
     */
    public RunFolder folder() {
        return new RunFolder(Path.of(files.folder()));
    }
}
