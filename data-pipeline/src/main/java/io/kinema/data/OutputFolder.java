package io.kinema.data;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Manifest;
import io.kinema.data.shard.ShardGroupWriter;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The folder of a new data set. Checks that nothing of others is lost. */
final class OutputFolder {
    /** The resolved flags, which {@code launch/prepare.sh @DIR/prepare.args} repeats. */
    static final String ARGS = "prepare.args";

    static final String QUARANTINE = "quarantine.jsonl";
    private static final String INDEX = "index.arrow";

    /** All files that a preparation writes, in a safe order to delete: without its manifest a folder is no data set. */
    private static final List<String> OWN = List.of(Manifest.FILE, INDEX, ShardGroupWriter.SHARDS, QUARANTINE, ARGS);

    private final Folder folder;

    OutputFolder(Folder folder) {
        this.folder = folder;
    }

    /** Rejects an output inside or around the input: its files would become sources, or overwrite sources. */
    void checkApartFrom(Folder input) {
        String in = input + "/";
        String out = folder + "/";
        if (in.startsWith(out) || out.startsWith(in)) {
            throw new ConfigException(
                    "--output " + folder + " and --input " + input + " overlap; choose an output folder elsewhere");
        }
    }

    /**
     * Makes the folder ready.
     *
     * @param overwrite whether to delete a data set in it, finished or not
     * @throws ConfigException if the folder holds other files, or cannot be written to
     */
    void claim(boolean overwrite) throws IOException {
        List<String> names = new ArrayList<>();
        if (folder.exists("")) {
            if (!folder.isFolder()) {
                throw new ConfigException("--output " + folder + " is a file; choose a folder");
            }
            names.addAll(folder.list(""));
        }
        List<String> foreign =
                names.stream().filter(name -> !isOwn(name)).limit(3).toList();
        if (!foreign.isEmpty()) {
            throw new ConfigException("--output " + folder + " holds files that are not a data set's ("
                    + foreign.getFirst() + "); choose an empty folder");
        }
        boolean finished = names.contains(Manifest.FILE);
        boolean begun = names.contains(ShardGroupWriter.SHARDS) || names.contains(ARGS);
        if ((finished || begun) && !overwrite) {
            throw new ConfigException("--output " + folder + " holds "
                    + (finished ? "a finished data set" : "an unfinished preparation")
                    + "; choose another folder, or give --overwrite to delete it and start over");
        }
        try {
            for (String own : OWN) {
                folder.delete(own);
            }
            folder.make();
            folder.write(ARGS, new byte[0]);
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot write to --output " + folder + ": " + firstLine(e)
                            + "; choose a folder that can be written to",
                    e);
        }
    }

    /** Cleans up after a preparation without clips: only the reasons stay, so that the same command can run again. */
    void release() throws IOException {
        folder.delete(ShardGroupWriter.SHARDS);
        folder.delete(ARGS);
    }

    private static boolean isOwn(String name) {
        return OWN.contains(name) || OWN.contains(name.replaceFirst("\\.tmp$", ""));
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
}
