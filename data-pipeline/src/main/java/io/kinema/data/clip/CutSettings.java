package io.kinema.data.clip;

import io.kinema.data.command.ConfigException;
import java.util.Map;
import java.util.TreeMap;

/**
 * How to cut sources into clips.
 *
 * @param patch T, H and W of clips are multiples of its sides
 * @param maxPixels the largest {@code H·W} of a frame
 * @param fps frames a second to resample to, or {@code native} for the rate of each source
 * @param clipSeconds playing time of a clip; the last clip of a source may be shorter
 */
public record CutSettings(Patch patch, int maxPixels, String fps, double clipSeconds) {
    /** The value of {@code fps} that keeps each source's own rate. */
    public static final String NATIVE = "native";

    private static final double MAX_FPS = 1000;

    /** Checks every value against the others. */
    public CutSettings {
        int patchPixels = patch.height() * patch.width();
        if (maxPixels < patchPixels) {
            throw new ConfigException("--max-pixels " + maxPixels + " is less than the " + patchPixels
                    + " pixels of one patch of " + patch + "; raise it or choose a smaller --patch");
        }
        if (!(clipSeconds > 0) || Double.isInfinite(clipSeconds)) {
            throw new ConfigException("--clip-seconds " + clipSeconds + " is not a length; give seconds above 0");
        }
        if (!fps.equals(NATIVE) && !isRate(fps)) {
            throw new ConfigException("--fps " + fps + " is not a frame rate; give a number above 0 and up to "
                    + (int) MAX_FPS + ", or " + NATIVE);
        }
    }

    private static boolean isRate(String text) {
        return text.matches("\\d{1,4}(\\.\\d{1,6})?")
                && Double.parseDouble(text) > 0
                && Double.parseDouble(text) <= MAX_FPS;
    }

    /**
     * Lists every setting that the clips' bytes depend on, for the manifest.
     *
     * @param decoder the decoder and its version
     * @return values by the names of their flags
     */
    public Map<String, String> describe(String decoder) {
        return new TreeMap<>(Map.of(
                "patch", patch.toString(),
                "max-pixels", Integer.toString(maxPixels),
                "fps", fps,
                "clip-seconds", Double.toString(clipSeconds),
                "decoder", decoder));
    }
}
