package io.kinema.train.run;

import io.kinema.data.command.ConfigException;
import java.nio.file.Path;

/**
 * What a run reads and writes; the same paths on all its hosts.
 *
 * @param folder of the run, an absolute path
 * @param data the data set: an absolute path, or a place such as {@code hdfs://...}
 * @param dataSha256 digest of its manifest, which names the digests of all its shards
 */
public record RunFiles(String folder, String data, String dataSha256) {
    /**
     * Checks that the data set is still the one that the run was launched with.
     *
     * @param found digest of its manifest now, on this host
     * @throws ConfigException when it is another
     */
    public void requireData(String found) {
        if (!found.equals(dataSha256)) {
            throw new ConfigException("--data " + data + " has a manifest with SHA-256 " + found
                    + " now, the run began with " + dataSha256
                    + ": the data set was replaced, or is another on this host; put the old one back everywhere, or"
                    + " begin a run with the new one: --resume " + Path.of(folder, "checkpoints", "step-NUMBER")
                    + " --run NEW");
        }
    }
}
