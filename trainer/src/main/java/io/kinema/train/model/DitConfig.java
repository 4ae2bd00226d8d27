package io.kinema.train.model;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The shape of a spacetime DiT.
 *
 * @param depth blocks
 * @param width D
 * @param heads N; D/N is even
 * @param captionDepth blocks of the caption encoder
 * @param captionWidth E
 * @param captionHeads heads of the caption encoder; E over it is even
 * @param tokens how clips become tokens
 */
public record DitConfig(
        int depth, int width, int heads, int captionDepth, int captionWidth, int captionHeads, ClipTokens tokens) {

    /** The inner width of an MLP over its width. */
    public static final int MLP_RATIO = 4;

    private static final Pattern SIZE = Pattern.compile("(\\d{1,5})x(\\d{1,5})x(\\d{1,5})");
    private static final Patch PATCH = new Patch(2, 8, 8);

    /** Sizes S to XL are those of DiT (Peebles and Xie, 2212.09748, table 1). */
    private static final Map<String, DitConfig> PRESETS = new LinkedHashMap<>();

    static {
        PRESETS.put("debug", new DitConfig(2, 128, 4, 1, 64, 2, new Patch(2, 4, 4)));
        PRESETS.put("S", new DitConfig(12, 384, 6, 4, 256, 4, PATCH));
        PRESETS.put("B", new DitConfig(12, 768, 12, 4, 384, 6, PATCH));
        PRESETS.put("L", new DitConfig(24, 1024, 16, 6, 512, 8, PATCH));
        PRESETS.put("XL", new DitConfig(28, 1152, 16, 6, 512, 8, PATCH));
    }

    /** Checks the extents. */
    public DitConfig {
        if (depth < 1 || captionDepth < 1) {
            throw new ConfigException("a model has at least one block and one caption block, not " + depth + " and "
                    + captionDepth + "; choose a preset by --model");
        }
        requireEvenHeads("width", width, heads);
        requireEvenHeads("captionWidth", captionWidth, captionHeads);
    }

    /**
     * A model of pixels.
     *
     * @param depth blocks
     * @param width D
     * @param heads N; D/N is even
     * @param captionDepth blocks of the caption encoder
     * @param captionWidth E
     * @param captionHeads heads of the caption encoder; E over it is even
     * @param patch the pixels of a token
     */
    public DitConfig(
            int depth, int width, int heads, int captionDepth, int captionWidth, int captionHeads, Patch patch) {
        this(depth, width, heads, captionDepth, captionWidth, captionHeads, ClipTokens.ofPixels(patch));
    }

    private static void requireEvenHeads(String name, int width, int heads) {
        if (heads < 1 || width < 1 || width % heads != 0 || width / heads % 2 != 0) {
            throw new ConfigException(name + "=" + width + " does not divide into " + heads
                    + " heads of even width (rotary positions turn pairs); change either");
        }
    }

    /**
     * Says what is wide of the mark in the shape, though it can be trained.
     *
     * @return a warning of one line; empty where there is none
     */
    public Optional<String> remark() {
        return tokens.values() <= width
                ? Optional.empty()
                : Optional.of("a patch has " + tokens.values() + " values, more than the model's width " + width
                        + ": not all of a patch's noise passes through; give a smaller --patch or a wider --model");
    }

    /**
     * Returns a preset.
     *
     * @param name debug, S, B, L or XL
     * @return its shape
     * @throws ConfigException when there is none of that name
     */
    public static DitConfig preset(String name) {
        DitConfig config = PRESETS.get(name);
        if (config == null) {
            throw new ConfigException("--model " + name + " is not known; use one of " + PRESETS.keySet()
                    + ", or DEPTHxWIDTHxHEADS such as 6x256x4 with --caption-model");
        }
        return config;
    }

    /**
     * Reads a shape.
     *
     * @param model a preset, or depth, width and heads such as {@code 6x256x4}
     * @param captionModel the same of the caption encoder; empty for a preset's own
     * @return the shape
     * @throws ConfigException when either is something else
     */
    public static DitConfig parse(String model, String captionModel) {
        boolean isPreset = !SIZE.matcher(model).matches();
        if (!isPreset && captionModel.isEmpty()) {
            throw new ConfigException("--model " + model
                    + " is no preset, so --caption-model is needed too; give its depth, width and"
                    + " heads, such as 2x128x4");
        }
        DitConfig preset = isPreset ? preset(model) : preset("S");
        int[] blocks = isPreset ? new int[] {preset.depth, preset.width, preset.heads} : size("--model", model);
        int[] captionBlocks = captionModel.isEmpty()
                ? new int[] {preset.captionDepth, preset.captionWidth, preset.captionHeads}
                : size("--caption-model", captionModel);
        return new DitConfig(
                blocks[0], blocks[1], blocks[2], captionBlocks[0], captionBlocks[1], captionBlocks[2], preset.tokens);
    }

    private static int[] size(String flag, String text) {
        Matcher numbers = SIZE.matcher(text);
        if (!numbers.matches()) {
            throw new ConfigException(
                    flag + " " + text + " is not DEPTHxWIDTHxHEADS; give three whole numbers, as in 2x128x4");
        }
        return new int[] {
            Integer.parseInt(numbers.group(1)), Integer.parseInt(numbers.group(2)), Integer.parseInt(numbers.group(3))
        };
    }

    /**
     * Returns the same shape over other patches of pixels.
     *
     * @param other the pixels of a token
     * @return a copy
     */
    public DitConfig withPatch(Patch other) {
        return new DitConfig(depth, width, heads, captionDepth, captionWidth, captionHeads, other);
    }
}
