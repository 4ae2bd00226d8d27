package io.kinema.train.input;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.LaunchScript;
import io.kinema.data.shard.Manifest;
import io.kinema.train.run.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The data of a command that names none: synthetic videos, made and prepared once by {@code launch/prepare.sh}. */
public enum SyntheticData {
    /** For a training: so few and so small that two minutes on two cores show. */
    TRAINING("synthetic", 20, 7, 16),
    /** For a sweep: enough for models to differ by what they can learn. */
    SWEEP("synthetic-sweep", 1200, 1, 64),
    /** On which a sweep measures. */
    SWEEP_HELD_OUT("synthetic-sweep-held-out", 120, 2, 64);

    private static final Path FOLDER = Path.of("data");
    private static final int FRAME_RATE_HZ = 2;
    private static final int CLIP_SECONDS = 2;

    private final String title;
    private final int clips;
    private final int seed;
    private final int patchesOfFrame;

    SyntheticData(String title, int clips, int seed, int patchesOfFrame) {
        this.title = title;
        this.clips = clips;
        this.seed = seed;
        this.patchesOfFrame = patchesOfFrame;
    }

    /**
     * Makes the data set, unless it is there. Of several launches at once one makes it, and the others wait.
     *
     * @param patch of the model
     * @return its folder
     * @throws ConfigException when the scripts cannot be found or one fails
     * @throws IOException when a script cannot be started
     */
    public Path ensure(Patch patch) throws IOException {
        Path prepared = prepared(patch);
        if (exists(prepared)) {
            return prepared;
        }
        Files.createDirectories(FOLDER);
        String waiting = "no --data given: waiting for another launch that makes " + prepared;
        try (FolderLock _ = FolderLock.await(FOLDER, () -> System.out.println(waiting))) {
            if (!exists(prepared)) {
                make(patch, prepared);
            }
        }
        return prepared;
    }

    private void make(Patch patch, Path prepared) throws IOException {
        Path videos = FOLDER.resolve(title + "-videos");
        System.out.println(
                "no --data given: making synthetic videos in " + videos + " and preparing them in " + prepared);
        Path complete = videos.resolve(".complete");
        if (!Files.exists(complete)) {
            prepare(
                    "synth",
                    "--output",
                    videos.toString(),
                    "--clips",
                    Integer.toString(clips),
                    "--seed",
                    Integer.toString(seed),
                    "--max-shapes",
                    "1",
                    "--overwrite");
            Files.createFile(complete);
        }
        prepare(
                "--input",
                videos.toString(),
                "--output",
                prepared.toString(),
                "--patch",
                patch.toString(),
                "--max-pixels",
                Integer.toString(patchesOfFrame * patch.height() * patch.width()),
                "--fps",
                Integer.toString(FRAME_RATE_HZ),
                "--clip-seconds",
                Integer.toString(CLIP_SECONDS),
                "--overwrite");
    }

    /**
     * Finds the data set, for what must not write.
     *
     * @param patch of the model
     * @return its folder
     * @throws ConfigException when no run has made it yet
     */
    public Path require(Patch patch) {
        Path prepared = prepared(patch);
        if (!exists(prepared)) {
            throw new ConfigException("--data is not given, and no run has made " + prepared
                    + " yet; name a data set, or train on the synthetic one first");
        }
        return prepared;
    }

    private Path prepared(Patch patch) {
        return FOLDER.resolve(title + "-" + patch);
    }

    private static boolean exists(Path prepared) {
        return Files.exists(prepared.resolve(Manifest.FILE));
    }

    private static void prepare(String... args) throws IOException {
        new LaunchScript("prepare.sh", List.of(args)).run(true);
    }
}
