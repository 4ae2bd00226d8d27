package io.kinema.train.model;

import io.kinema.data.ConfigException;
import io.kinema.data.clip.Patch;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The shape of a spacetime DiT.
 *
 * @param depth blocks
 * @param width D
 * @param heads N; D/N is even
 * @param captionDepth blocks of the caption encoder
 * @param captionWidth E
 * @param captionHeads heads of the caption encoder; E over it is even
 * @param patch the pixels of a token
 */
public record DitConfig(
        int depth, int width, int heads, int captionDepth, int captionWidth, int captionHeads, Patch patch) {

    /** The inner width of an MLP over its width. */
    public static final int MLP_RATIO = 4;

    private static final Patch PIXELS = new Patch(2, 8, 8);

    /** Sizes S to XL are those of DiT (Peebles and Xie, 2212.09748, table 1). */
    private static final Map<String, DitConfig> PRESETS = new LinkedHashMap<>();

    static {
        PRESETS.put("debug", new DitConfig(2, 128, 4, 1, 64, 2, new Patch(2, 4, 4)));
        PRESETS.put("S", new DitConfig(12, 384, 6, 4, 256, 4, PIXELS));
        PRESETS.put("B", new DitConfig(12, 768, 12, 4, 384, 6, PIXELS));
        PRESETS.put("L", new DitConfig(24, 1024, 16, 6, 512, 8, PIXELS));
        PRESETS.put("XL", new DitConfig(28, 1152, 16, 6, 512, 8, PIXELS));
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

    private static void requireEvenHeads(String name, int width, int heads) {
        if (heads < 1 || width < 1 || width % heads != 0 || width / heads % 2 != 0) {
            throw new ConfigException(name + "=" + width + " does not divide into " + heads
                    + " heads of even width (rotary positions turn pairs); change either");
        }
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
            throw new ConfigException("--model " + name + " is not known; use one of " + PRESETS.keySet());
        }
        return config;
    }

    /**
     * Returns the same shape over other patches.
     *
     * @param other the pixels of a token
     * @return a copy
     */
    public DitConfig withPatch(Patch other) {
        return new DitConfig(depth, width, heads, captionDepth, captionWidth, captionHeads, other);
    }
}
