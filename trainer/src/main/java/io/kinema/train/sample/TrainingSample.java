package io.kinema.train.sample;

import io.kinema.data.ConfigException;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Diffusion;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The video that a training ends with, of the size of the data set's first captioned video.
 *
 * @param prompt what it shows; that video's caption if empty
 * @param steps of the sampler
 * @param guidance scale
 * @param seed of the noise
 */
public record TrainingSample(String prompt, int steps, double guidance, long seed) {
    private static final int MIN_SIDE = 256;
    private static final double IMAGE_RATE_HZ = 1;

    /**
     * Samples, writes the video, and the prompt beside it ({@code .txt}).
     *
     * @param model the network
     * @param diffusion what it learned
     * @param device where it runs
     * @param averagedFlat the averaged weights, fp32, flat, in host memory
     * @param dataset that it was trained on
     * @param file an .mp4
     * @return the file
     * @throws IOException when the data cannot be read or the file not be written
     */
    public Path write(
            SpacetimeDit model,
            Diffusion diffusion,
            Device device,
            MemorySegment averagedFlat,
            Dataset dataset,
            Path file)
            throws IOException {
        Clip like = firstCaptioned(dataset);
        String shown = prompt.isEmpty() ? like.captions().getFirst().text() : prompt;
        ParameterSet weights = new ParameterSet(device, model.layout());
        device.write(weights.flat(), 0, averagedFlat);
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
                        Sampler.defaultMethod(diffusion)),
                _ -> {});
        new VideoFile(frames, like.numFrames(), like.height(), like.width())
                .enlarged(MIN_SIDE)
                .write(file, Math.max(like.frameRateHz(), IMAGE_RATE_HZ));
        String name = file.getFileName().toString();
        Files.writeString(file.resolveSibling(name.substring(0, name.lastIndexOf('.')) + ".txt"), shown + "\n");
        return file;
    }

    private Clip firstCaptioned(Dataset dataset) throws IOException {
        for (ClipEntry entry : dataset.clips()) {
            Clip clip = dataset.read(entry);
            if (clip.numFrames() > 1 && (!prompt.isEmpty() || !clip.captions().isEmpty())) {
                return clip;
            }
        }
        throw new ConfigException(
                "no video of the data set has a caption to sample; give --sample-prompt, or --sample-steps 0");
    }
}
