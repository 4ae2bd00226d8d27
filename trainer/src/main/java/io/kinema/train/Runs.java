package io.kinema.train;

import io.kinema.data.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What others may know of the folder of a training. */
public final class Runs {
    private Runs() {}

    /**
     * Asks whether a launch has the folder now.
     *
     * @param run its path; may not exist
     * @return whether one has
     * @throws IOException if it cannot be told
     */
    public static boolean isInUse(Path run) throws IOException {
        if (!Files.isDirectory(run)) {
            return false;
        }
        try (RunFolder.Lock _ = new RunFolder(run).lock()) {
            return false;
        } catch (ConfigException inUse) {
            return true;
        }
    }

    /**
     * Asks whether this user has a Slurm job of a name that waits or runs.
     *
     * @param job its name
     * @return whether there is one
     * @throws ConfigException if Slurm cannot be asked
     */
    public static boolean isQueued(String job) {
        return !SlurmJob.output("squeue", "--noheader", "--me", "--name=" + job).isBlank();
    }

    /**
     * Ends this user's Slurm jobs of a name.
     *
     * @param job the name
     * @throws ConfigException if Slurm cannot be asked
     */
    public static void cancel(String job) {
        SlurmJob.output("scancel", "--me", "--name=" + job);
    }
}
