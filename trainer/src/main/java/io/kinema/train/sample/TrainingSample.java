package io.kinema.train.sample;

import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The video that a training ends with, like the data set's first captioned video; an image, or without a caption, where
 * there is none.
 *
 * @param ffmpeg program that writes it, empty for the bundled one
 * @param prompt what it shows; that video's caption if empty
 * @param steps of the sampler
 * @param guidance scale
 * @param seed of the noise
 */
public record TrainingSample(String ffmpeg, String prompt, int steps, double guidance, long seed) {
    private static final int MIN_SIDE = 256;
    private static final double IMAGE_RATE_HZ = 1;

    /**
     * Samples, writes the video ({@code .mp4}, or {@code .png} for an image), and the prompt beside it ({@code .txt}).
     *
     * @param model the network
     * @param diffusion what it learned
     * @param device where it runs
     * @param weights its parameters, the averaged ones
     * @param dataset that it was trained on
     * @param stem where to write, without an extension
     * @return the file
     * @throws IOException when the data cannot be read or the file not be written
     */
    public Path write(
            SpacetimeDit model, Objective diffusion, Device device, Parameters weights, Dataset dataset, Path stem)
            throws IOException {
        Clip like = exampleOf(dataset);
        String caption =
                like.captions().isEmpty() ? "" : like.captions().getFirst().text();
        String shown = prompt.isEmpty() ? caption : prompt;
        Sampler sampler = new Sampler(model, diffusion, device, weights);
        byte[] frames = sampler.sample(
                new Sampler.Request(
                        shown,
                        like.numFrames(),
                        like.height(),
                        like.width(),
                        steps,
                        guidance,
                        seed,
                        diffusion.samplers().getFirst()),
                _ -> {});
        Path file = stem.resolveSibling(stem.getFileName() + (like.numFrames() == 1 ? ".png" : ".mp4"));
        new VideoFile(frames, like.numFrames(), like.height(), like.width())
                .enlarged(MIN_SIDE)
                .write(ffmpeg, file, Math.max(like.frameRateHz(), IMAGE_RATE_HZ));
        Files.writeString(stem.resolveSibling(stem.getFileName() + ".txt"), shown + "\n");
        return file;
    }

    /** The first captioned video, else the first captioned image, else the first clip. */
    private static Clip exampleOf(Dataset dataset) throws IOException {
        Clip image = null;
        for (ClipEntry entry : dataset.clips()) {
            Clip clip = dataset.read(entry);
            if (!clip.captions().isEmpty() && clip.numFrames() > 1) {
                return clip;
            }
            if (!clip.captions().isEmpty() && image == null) {
                image = clip;
            }
        }
        return image == null ? dataset.read(dataset.clips().getFirst()) : image;
    }
}
