package io.kinema.data;

import com.beust.jcommander.Parameter;
import io.kinema.data.clip.CutSettings;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;

/** The flags of preparing a data set. */
final class PrepareFlags {
    static final String SUMMARY = """
            turns videos and images into a data set of clips

            Every file below --input is probed, turned upright, cut into clips end to end, resized without cropping
            or padding, and written to shards in --output. Captions come from name.txt or name.json beside name.mp4, or
            from captions.csv or captions.jsonl (path, caption, licence) in the input folder. Files that cannot be used
            are listed with the reason in quarantine.jsonl.

            other commands: launch/prepare.sh synth    makes videos of moving shapes, with captions
                            launch/prepare.sh inspect  shows what is in a data set\
            """;

    @Parameter(
            names = "--input",
            order = 0,
            required = true,
            placeholder = "DIR",
            description = "Folder of videos and images: a path, file:// or hdfs://")
    String input = "";

    @Parameter(
            names = "--output",
            order = 1,
            required = true,
            placeholder = "DIR",
            description = "Folder of the data set to make: a path, file:// or hdfs://")
    String output = "";

    @Parameter(
            names = "--max-pixels",
            order = 2,
            placeholder = "N",
            description = "Largest height times width of a frame; larger frames are shrunk, smaller frames stay")
    int maxPixels = 65536;

    @Parameter(
            names = "--fps",
            order = 3,
            placeholder = "F",
            description = "Frames a second to resample to; native keeps the rate of each video")
    String fps = CutSettings.NATIVE;

    @Parameter(
            names = "--clip-seconds",
            order = 4,
            placeholder = "S",
            description = "Length of a clip; the last clip of a video may be shorter")
    double clipSeconds = 4;

    @Parameter(
            names = "--patch",
            order = 5,
            placeholder = "TxHxW",
            description = "Size of a token: frames, height and width of every clip are multiples of it")
    String patch = "2x8x8";

    @Parameter(names = "--overwrite", order = 6, description = "Replace the data set in --output")
    boolean overwrite;

    @Parameter(
            names = "--ffmpeg",
            order = 7,
            placeholder = "PATH",
            description = "An ffmpeg program, with ffprobe beside it, to use in place of the bundled program")
    String ffmpeg = "";

    @Parameter(
            names = "--timeout-seconds",
            order = 8,
            placeholder = "S",
            description = "Longest time to decode one file; after it the file goes to quarantine")
    int timeoutSeconds = 600;

    @Parameter(
            names = "--master",
            order = 9,
            placeholder = "URL",
            description = "The Spark master to run on; local[N] uses N cores of this machine")
    String master = "local[*]";

    void check() {
        settings();
        if (timeoutSeconds < 1) {
            throw new ConfigException("--timeout-seconds " + timeoutSeconds + " is less than 1; give a longer time");
        }
    }

    CutSettings settings() {
        return new CutSettings(Patch.parse(patch), maxPixels, fps, clipSeconds);
    }
}
