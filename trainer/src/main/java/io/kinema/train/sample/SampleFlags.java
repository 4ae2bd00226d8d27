package io.kinema.train.sample;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.train.device.DeviceFlags;
import io.kinema.train.model.CaptionBytes;

/** The flags of {@code launch/sample.sh}. */
final class SampleFlags {
    @Parameter(
            names = "--checkpoint",
            order = 0,
            required = true,
            description = "Folder such as RUN/checkpoints/step-00000100, or RUN for its newest, or a file that"
                    + " launch/checkpoint.sh export wrote")
    String checkpoint = "";

    @Parameter(names = "--prompt", order = 1, description = "What the video shows. " + CaptionBytes.READ)
    String prompt = "";

    @Parameter(
            names = "--prompts",
            order = 2,
            description = "File with a prompt a line; their videos become a grid. " + CaptionBytes.READ)
    String prompts = "";

    @Parameter(
            names = "--separate",
            order = 3,
            description = "Write each prompt's video into a file of its own in the folder --output, of this kind (mp4,"
                    + " webm, gif, png), with the prompt in a .txt beside it, as launch/prepare.sh reads them")
    String separate = "";

    @Parameter(
            names = "--expand",
            order = 4,
            description = "Folder of a model of launch/recaption.sh train-expander, which makes each prompt a detailed"
                    + " one first")
    String expand = "";

    @Parameter(names = "--width", order = 5, description = "Pixels; rounded to a multiple of the patch")
    int width = 40;

    @Parameter(names = "--height", order = 6, description = "Pixels; rounded to a multiple of the patch")
    int height = 24;

    @Parameter(names = "--frames", order = 7, description = "1 for an image; else rounded to a multiple of the patch")
    int frames = 8;

    @Parameter(names = "--fps", order = 8, description = "Frames a second of the file")
    double fps = 4;

    @Parameter(
            names = "--sampler",
            order = 9,
            description = "euler (flow models), ddim or ddpm (noise prediction); the model's own if absent")
    String sampler = "";

    @Parameter(names = "--steps", order = 10, description = "Evaluations of the network")
    int steps = 50;

    @Parameter(names = "--guidance", order = 11, description = "Guidance scale; 1 is none")
    double guidance = 2;

    @Parameter(names = "--seed", order = 12, description = "Seed of the noise; the same seed gives the same bytes")
    long seed = 1;

    @Parameter(
            names = "--weights",
            order = 13,
            description = "ema (the average) or model (as trained last); if absent ema, or what an exported file holds")
    String weights = "";

    @Parameter(
            names = "--enlarge",
            order = 14,
            description = "Repeat pixels until the longer side has at least so many; 1 keeps the size")
    int enlarge = 1;

    @ParametersDelegate
    final DeviceFlags device = new DeviceFlags("");

    @Parameter(names = "--ffmpeg", order = 22, description = "Program that writes the file; the bundled one if absent")
    String ffmpeg = "";

    @Parameter(
            names = "--output",
            order = 23,
            required = true,
            description = "File to write: .mp4, .webm, .gif, or .png for one frame; with --separate the folder")
    String output = "";

    @Parameter(names = "--force", order = 24, description = "Replace the file --output if there is one")
    boolean force;
}
