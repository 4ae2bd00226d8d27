package io.kinema.train.run;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;

/** The flags of {@code launch/train.sh} that say how many ranks train and where. */
public final class PlaceFlags {
    /** In place of a file: no secret, on several hosts either. */
    public static final String NO_SECRET = "none";

    @Parameter(
            names = {"--nodes", "--ranks"},
            order = 0,
            description = "How many ranks (processes) train; --nodes and --ranks are the same; 0 is one rank, or as "
                    + "many as --hosts, --slurm or WORLD_SIZE have room for")
    int nodes;

    @Parameter(
            names = "--hosts",
            order = 22,
            description = "Trains on several hosts, by ssh: a file with a line `host slots=4` each; a slot is a "
                    + "rank. They have Kinema, its JDK, --run and --data at the same paths as this host")
    String hosts = "";

    @Parameter(
            names = "--slurm",
            order = 22,
            description = "In a Slurm job, trains on its hosts, a task of the job being a rank; elsewhere submits "
                    + "launch/slurm/train.sbatch with these flags")
    boolean slurm;

    @Parameter(
            names = "--address",
            order = 22,
            description = "Name or address of this host by which --hosts or --slurm's hosts reach it; that on the "
                    + "way to the first of them if absent")
    String address = "";

    @Parameter(
            names = "--secret-file",
            order = 22,
            description = "File with a secret of at least 16 bytes that all processes of the run prove to know and "
                    + "tag their frames with; `none` does without on several hosts too. If absent, --hosts and "
                    + "--slurm make one for the launch, and torchrun's variables need one")
    String secretFile = "";

    PlaceFlags() {}

    /**
     * Returns {@code --nodes}.
     *
     * @return how many ranks; 0 where that is left to hosts or scheduler
     * @throws ConfigException when it is out of range
     */
    public int numRanks() {
        CommandLine.requireRange("--nodes", nodes, 0, 1 << 16);
        return nodes;
    }

    /**
     * Returns {@code --hosts}.
     *
     * @return a file; empty where none is named
     */
    public String hosts() {
        return hosts;
    }

    /**
     * Returns {@code --slurm}.
     *
     * @return whether Slurm runs the ranks
     */
    public boolean slurm() {
        return slurm;
    }

    /**
     * Returns {@code --address}.
     *
     * @return of this host; empty where none is given
     */
    public String address() {
        return address;
    }

    /**
     * Returns {@code --secret-file}.
     *
     * @return a path as it was given; {@value #NO_SECRET}; or empty where the flag is left out
     */
    public String secretFile() {
        return secretFile;
    }

    /**
     * Returns whether {@code --secret-file} names a file.
     *
     * @return false for none, and where the flag is left out
     */
    public boolean namesSecretFile() {
        return !secretFile.isEmpty() && !secretFile.equals(NO_SECRET);
    }

    /**
     * Returns whether ranks prove to each other that they know a secret.
     *
     * @return true where a file is named, or the launcher makes a secret for other hosts
     */
    boolean hasSecret() {
        boolean isMade = secretFile.isEmpty() && (slurm || !hosts.isEmpty());
        return isMade || namesSecretFile();
    }
}
