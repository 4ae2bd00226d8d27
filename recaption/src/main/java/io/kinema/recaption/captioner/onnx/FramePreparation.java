package io.kinema.recaption.captioner.onnx;

import com.fasterxml.jackson.databind.JsonNode;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Clip;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Turns a frame into an encoder's input, as {@code preprocessor_config.json} says: resized, cut to its middle, scaled,
 * normalised, channels first. The filter is bicubic if the file has {@code resample} 3, and bilinear otherwise.
 *
 * @param target the size to resize frames to
 * @param crop the size of the middle to keep
 * @param filter how to resize
 * @param scale factor of values from 0 to 255
 * @param meanC subtracted from the scaled values
 * @param deviationC then divides the values
 */
record FramePreparation(
        TargetSize target, TargetSize crop, Resampling filter, double scale, double[] meanC, double[] deviationC) {
    private static final int CHANNELS = 3;
    private static final int PILLOW_BICUBIC = 3;
    /** Far larger than any encoder's input; its square still fits an array. */
    private static final int MAX_EDGE = 8192;

    /** Maps the size of a frame to another size. */
    sealed interface TargetSize {
        PictureSize of(PictureSize size);
    }

    private record Unchanged() implements TargetSize {
        @Override
        public PictureSize of(PictureSize size) {
            return size;
        }
    }

    private record Exactly(PictureSize wanted) implements TargetSize {
        @Override
        public PictureSize of(PictureSize size) {
            return wanted;
        }
    }

    private record ShortestEdge(int pixels) implements TargetSize {
        @Override
        public PictureSize of(PictureSize size) {
            return size.withShortestEdge(pixels);
        }
    }

    /**
     * An encoder's input for a frame.
     *
     * @param size of the picture
     * @param valuesCHW its values
     */
    record Pixels(PictureSize size, float[] valuesCHW) {}

    /** The settings in a file, with messages that name the file. */
    private record Settings(Path file, JsonNode values) {
        boolean flag(String key, boolean otherwise) {
            return values.path(key).asBoolean(otherwise);
        }

        double[] channels(String key) {
            JsonNode numbers = values.path(key);
            if (numbers.size() != CHANNELS) {
                throw wrong(key, "three numbers");
            }
            double[] each = new double[CHANNELS];
            for (int c = 0; c < CHANNELS; c++) {
                if (!numbers.get(c).isNumber()) {
                    throw wrong(key, "three numbers");
                }
                each[c] = numbers.get(c).doubleValue();
            }
            return each;
        }

        /** A number means a square, or the shorter edge if the middle is cut out afterwards. */
        TargetSize target(String key, boolean numberIsEdge) {
            JsonNode size = values.path(key);
            if (isPixels(size)) {
                return numberIsEdge
                        ? new ShortestEdge(size.intValue())
                        : new Exactly(new PictureSize(size.intValue(), size.intValue()));
            }
            if (isPixels(size.path("height")) && isPixels(size.path("width"))) {
                return new Exactly(new PictureSize(
                        size.path("height").intValue(), size.path("width").intValue()));
            }
            if (isPixels(size.path("shortest_edge")) && size.size() == 1) {
                return new ShortestEdge(size.path("shortest_edge").intValue());
            }
            throw wrong(
                    key,
                    "{\"height\": pixels, \"width\": pixels}, {\"shortest_edge\": pixels} or pixels, 1 to " + MAX_EDGE);
        }

        private static boolean isPixels(JsonNode node) {
            return node.isInt() && node.intValue() > 0 && node.intValue() <= MAX_EDGE;
        }

        ConfigException wrong(String key, String remedy) {
            String found = values.has(key) ? key + "=" + values.path(key) : "no " + key;
            return new ConfigException(file + " has " + found + "; give it as " + remedy);
        }
    }

    /**
     * Reads the settings of a model.
     *
     * @throws ConfigException if a setting is not supported
     */
    static FramePreparation read(OnnxFolder folder) throws IOException {
        Settings settings = new Settings(folder.file(OnnxFolder.PREPROCESSOR), folder.json(OnnxFolder.PREPROCESSOR));
        boolean crops = settings.flag("do_center_crop", false);
        TargetSize target = settings.flag("do_resize", true) ? settings.target("size", crops) : new Unchanged();
        TargetSize crop = crops ? settings.target("crop_size", false) : new Unchanged();
        double scale = 1;
        if (settings.flag("do_rescale", true)) {
            scale = settings.values().path("rescale_factor").asDouble(1 / 255.0);
        }
        double[] meanC = new double[CHANNELS];
        double[] deviationC = new double[CHANNELS];
        Arrays.fill(deviationC, 1);
        if (settings.flag("do_normalize", true)) {
            meanC = settings.channels("image_mean");
            deviationC = settings.channels("image_std");
            if (Arrays.stream(deviationC).anyMatch(each -> !(each > 0))) {
                throw settings.wrong("image_std", "three numbers above 0");
            }
        }
        boolean isBicubic = settings.values().path("resample").asInt(0) == PILLOW_BICUBIC;
        return new FramePreparation(
                target, crop, isBicubic ? Resampling.BICUBIC : Resampling.BILINEAR, scale, meanC, deviationC);
    }

    /**
     * Prepares a frame.
     *
     * @throws ConfigException if the middle to be cut out is larger than the frame
     */
    Pixels of(Clip clip, int frameIndex) {
        int frameBytes = clip.height() * clip.width() * CHANNELS;
        byte[] frameHWC = Arrays.copyOfRange(clip.framesTHWC(), frameIndex * frameBytes, (frameIndex + 1) * frameBytes);
        PictureSize original = new PictureSize(clip.height(), clip.width());
        PictureSize resized = target.of(original);
        PictureSize size = crop.of(resized);
        if (size.height() > resized.height() || size.width() > resized.width()) {
            throw new ConfigException(OnnxFolder.PREPROCESSOR + " has crop_size " + size
                    + ", larger than the frames of " + resized + " that it asks for; correct crop_size or size");
        }
        byte[] valuesHWC = filter.resize(frameHWC, original, resized);
        int top = (resized.height() - size.height()) / 2;
        int left = (resized.width() - size.width()) / 2;
        float[] valuesCHW = new float[CHANNELS * size.height() * size.width()];
        int i = 0;
        for (int c = 0; c < CHANNELS; c++) {
            for (int y = 0; y < size.height(); y++) {
                for (int x = 0; x < size.width(); x++) {
                    int place = ((top + y) * resized.width() + left + x) * CHANNELS + c;
                    double value = Byte.toUnsignedInt(valuesHWC[place]) * scale;
                    valuesCHW[i++] = (float) ((value - meanC[c]) / deviationC[c]);
                }
            }
        }
        return new Pixels(size, valuesCHW);
    }

    /** The size of all prepared frames, or 0x0 if it depends on the frame. */
    PictureSize fixedSize() {
        if (crop instanceof Exactly exactly) {
            return exactly.wanted();
        }
        return crop instanceof Unchanged && target instanceof Exactly exactly
                ? exactly.wanted()
                : new PictureSize(0, 0);
    }
}
