package io.kinema.train.model;

import io.kinema.data.ConfigException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The extents of a patch, the pixels that make one token.
 *
 * @param t frames
 * @param h rows
 * @param w columns
 */
public record Patch(int t, int h, int w) {
    /** Red, green, blue. */
    public static final int CHANNELS = 3;

    private static final Pattern FORMAT = Pattern.compile("(\\d{1,3})x(\\d{1,3})x(\\d{1,3})");

    /** Checks the extents. */
    public Patch {
        if (t < 1 || h < 1 || w < 1) {
            throw new ConfigException("patch " + t + "x" + h + "x" + w + " has an extent below 1; use one such as 2x8x8");
        }
    }

    /**
     * Reads a patch as it stands in flags.
     *
     * @param text frames, rows and columns, such as {@code 2x8x8}
     * @return the patch
     * @throws ConfigException when the text is anything else
     */
    public static Patch parse(String text) {
        Matcher matcher = FORMAT.matcher(text);
        if (!matcher.matches()) {
            throw new ConfigException("patch \"" + text + "\" is not frames x rows x columns; use one such as 2x8x8");
        }
        return new Patch(
                Integer.parseInt(matcher.group(1)),
                Integer.parseInt(matcher.group(2)),
                Integer.parseInt(matcher.group(3)));
    }

    /**
     * Returns the number of values in a patch, P.
     *
     * @return t·h·w·3
     */
    public int values() {
        return t * h * w * CHANNELS;
    }

    /**
     * Returns the patches of a clip.
     *
     * @param numFrames T, 1 (an image, repeated to fill a patch) or a multiple of t
     * @param height H, a multiple of h
     * @param width W, a multiple of w
     * @return the grid
     * @throws ConfigException when the clip does not divide into patches
     */
    public Grid grid(int numFrames, int height, int width) {
        if ((numFrames != 1 && numFrames % t != 0) || height % h != 0 || width % w != 0) {
            throw new ConfigException("a clip of " + numFrames + "x" + height + "x" + width
                    + " (frames, rows, columns) does not divide into patches of " + this
                    + "; prepare the data with --patch " + this);
        }
        return new Grid(numFrames == 1 ? 1 : numFrames / t, height / h, width / w);
    }

    /**
     * The patches of a clip, tokens in the order (t, h, w).
     *
     * @param t patches along time
     * @param h patches along rows
     * @param w patches along columns
     */
    public record Grid(int t, int h, int w) {
        /**
         * Returns the number of tokens.
         *
         * @return t·h·w
         */
        public int tokens() {
            return t * h * w;
        }
    }

    @Override
    public String toString() {
        return t + "x" + h + "x" + w;
    }
}
