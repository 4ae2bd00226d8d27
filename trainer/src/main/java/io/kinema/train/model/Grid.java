package io.kinema.train.model;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;

/**
 * The patches of a clip, tokens in the order (t, h, w).
 *
 * @param t patches along time
 * @param h patches along rows
 * @param w patches along columns
 */
public record Grid(int t, int h, int w) {

    /**
     * Cuts a clip into patches.
     *
     * @param patch the pixels of a token
     * @param numFrames T, 1 (an image, repeated to fill a patch) or a multiple of the patch's
     * @param height H, a multiple of the patch's
     * @param width W, a multiple of the patch's
     * @return the grid
     * @throws ConfigException when the clip does not divide into patches
     */
    static Grid of(Patch patch, int numFrames, int height, int width) {
        boolean divides = (numFrames == 1 || numFrames % patch.frames() == 0)
                && height % patch.height() == 0
                && width % patch.width() == 0;
        if (!divides) {
            throw new ConfigException("a clip of " + numFrames + "x" + height + "x" + width
                    + " (frames, rows, columns) does not divide into patches of " + patch
                    + "; prepare the data with --patch " + patch);
        }
        Grid grid = new Grid(Math.ceilDiv(numFrames, patch.frames()), height / patch.height(), width / patch.width());
        if ((double) grid.t * grid.h * grid.w > Integer.MAX_VALUE) {
            throw new ConfigException("a clip of " + numFrames + "x" + height + "x" + width
                    + " (frames, rows, columns) has more than 2^31 - 1 patches of " + patch + "; choose a smaller one");
        }
        return grid;
    }

    /**
     * Returns the number of tokens.
     *
     * @return t·h·w
     */
    public int tokens() {
        return Math.multiplyExact(Math.multiplyExact(t, h), w);
    }
}
