package io.kinema.train.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Which checkpoints of a run are kept.
 *
 * @param keepLast how many of the newest; 0 keeps all
 * @param keepEvery those whose step is a multiple of this are kept whatever their age; 0 means none
 */
public record Retention(int keepLast, long keepEvery) {
    private interface Deletion {
        void run() throws IOException;
    }

    /**
     * Deletes checkpoints that are not to be kept. To be called after {@link CheckpointWriter#commit}: what that has
     * written and read back, which {@code LATEST} names, always stays, and so does everything not older than those that
     * are kept for being the newest.
     *
     * @param folder where they are
     * @param needed the step of one that stays in any case; 0 where there is none
     * @param warning is told, in a line each, of what could not be deleted, and is tried again the next time
     * @return the names of those that are gone, newest first
     * @throws IOException when the folder cannot be read
     */
    public List<String> prune(CheckpointFolder folder, long needed, Consumer<String> warning) throws IOException {
        for (Path left : folder.discarded()) {
            tryTo(() -> CheckpointFolder.deleteRecursively(left), left, warning);
        }
        List<String> deleted = new ArrayList<>();
        if (keepLast == 0) {
            return deleted;
        }
        String latest = folder.latest();
        int newest = 0;
        for (Path path : folder.list()) {
            String name = path.getFileName().toString();
            if (newest < keepLast) {
                // What is visibly damaged does not take the place of one that can be used.
                newest += CheckpointManifest.sizeProblems(path).isEmpty() ? 1 : 0;
            } else if (!name.equals(latest)
                    && CheckpointFolder.stepOf(path) != needed
                    && !keepsStep(CheckpointFolder.stepOf(path))
                    && tryTo(() -> folder.discard(path), path, warning)) {
                deleted.add(name);
            }
        }
        return deleted;
    }

    private boolean keepsStep(long step) {
        return keepEvery > 0 && step % keepEvery == 0;
    }

    private static boolean tryTo(Deletion deletion, Path path, Consumer<String> warning) {
        try {
            deletion.run();
            return true;
        } catch (IOException e) {
            warning.accept(path + " cannot be deleted (" + e + "); it is tried again after the next checkpoint");
            return false;
        }
    }
}
