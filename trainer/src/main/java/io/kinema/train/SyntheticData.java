package io.kinema.train;

import io.kinema.data.ConfigException;
import io.kinema.data.LaunchScript;
import io.kinema.data.clip.Patch;
import io.kinema.data.shard.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The data of a run that names none: synthetic videos, made and prepared once by {@code launch/prepare.sh}. */
final class SyntheticData {
    private static final Path FOLDER = Path.of("data");
    private static final Path VIDEOS = FOLDER.resolve("synthetic-videos");
    private static final int CLIPS = 20;
    private static final int SEED = 7;

    /** So few and so small that two minutes of training on two cores show. */
    private static final int PATCHES_A_FRAME = 16;

    private static final int FRAME_RATE_HZ = 2;
    private static final int CLIP_SECONDS = 2;

    private SyntheticData() {}

    /**
     * Makes the data set, unless it is there.
     *
     * @param patch of the model
     * @return its folder
     * @throws ConfigException when the scripts cannot be found or one fails
     */
    static Path ensure(Patch patch) throws IOException {
        Path prepared = prepared(patch);
        if (exists(prepared)) {
            return prepared;
        }
        System.out.println(
                "no --data given: making synthetic videos in " + VIDEOS + " and preparing them in " + prepared);
        Path complete = VIDEOS.resolve(".complete");
        if (!Files.exists(complete)) {
            prepare(
                    "synth",
                    "--output",
                    VIDEOS.toString(),
                    "--clips",
                    Integer.toString(CLIPS),
                    "--seed",
                    Integer.toString(SEED),
                    "--max-shapes",
                    "1",
                    "--overwrite");
            Files.createFile(complete);
        }
        prepare(
                "--input",
                VIDEOS.toString(),
                "--output",
                prepared.toString(),
                "--patch",
                patch.toString(),
                "--max-pixels",
                Integer.toString(PATCHES_A_FRAME * patch.height() * patch.width()),
                "--fps",
                Integer.toString(FRAME_RATE_HZ),
                "--clip-seconds",
                Integer.toString(CLIP_SECONDS),
                "--overwrite");
        return prepared;
    }

    /**
     * Finds the data set, for what must not write.
     *
     * @param patch of the model
     * @return its folder
     * @throws ConfigException when no run has made it yet
     */
    static Path require(Patch patch) {
        Path prepared = prepared(patch);
        if (!exists(prepared)) {
            throw new ConfigException("--data is not given, and no run has made " + prepared
                    + " yet; name a data set, or train on the synthetic one first");
        }
        return prepared;
    }

    private static Path prepared(Patch patch) {
        return FOLDER.resolve("synthetic-" + patch);
    }

    private static boolean exists(Path prepared) {
        return Files.exists(prepared.resolve(Manifest.FILE));
    }

    private static void prepare(String... args) throws IOException {
        new LaunchScript("prepare.sh", List.of(args)).run(true);
    }
}
