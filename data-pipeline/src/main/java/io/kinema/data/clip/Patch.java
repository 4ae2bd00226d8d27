package io.kinema.data.clip;

import io.kinema.data.command.ConfigException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The block of pixels that becomes one token: T, H and W of every clip are multiples of it, save for T of an image.
 *
 * @param frames frames of a patch
 * @param height rows of a patch
 * @param width columns of a patch
 */
public record Patch(int frames, int height, int width) {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,4})x(\\d{1,4})x(\\d{1,4})");

    /** Checks that no side is zero. */
    public Patch {
        if (frames < 1 || height < 1 || width < 1) {
            throw new ConfigException(
                    "a patch of " + frames + "x" + height + "x" + width + " has no pixels; its sides are 1 or more");
        }
    }

    /**
     * Reads a patch as it is written in flags.
     *
     * @param text frames, rows and columns, such as {@code 2x8x8}
     * @return the patch
     * @throws ConfigException if the text is not a patch
     */
    public static Patch parse(String text) {
        Matcher sides = TEXT.matcher(text);
        if (!sides.matches()) {
            throw new ConfigException(
                    "the patch '" + text + "' is not FRAMESxHEIGHTxWIDTH; give three whole numbers, as in 2x8x8");
        }
        return new Patch(
                Integer.parseInt(sides.group(1)), Integer.parseInt(sides.group(2)), Integer.parseInt(sides.group(3)));
    }

    /**
     * Counts tokens.
     *
     * @param numFrames T of a clip; 1 for an image, which fills a patch of any number of frames
     * @param frameHeight H of the clip
     * @param frameWidth W of the clip
     * @return number of patches of the clip
     */
    public long numTokens(int numFrames, int frameHeight, int frameWidth) {
        return (long) Math.ceilDiv(numFrames, frames)
                * Math.ceilDiv(frameHeight, height)
                * Math.ceilDiv(frameWidth, width);
    }

    @Override
    public String toString() {
        return frames + "x" + height + "x" + width;
    }
}
