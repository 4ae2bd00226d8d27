package io.kinema.train.model;

import io.kinema.data.clip.Patch;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;

/**
 * How a clip becomes the tokens of a network, and tokens become a clip again; see docs/numerics.md, "Pixels and
 * tokens". All that cuts or counts tokens of clips asks this record, so that other tokens are a change of this file.
 *
 * @param patch the block of a clip that becomes one token
 * @param channels C, values of a pixel
 */
public record ClipTokens(Patch patch, int channels) {
    private static final float HALF_RANGE = 127.5f;

    /**
     * The tokens of clips as a data set holds them.
     *
     * @param patch the pixels of a token
     * @return tokens of RGB pixels
     */
    public static ClipTokens ofPixels(Patch patch) {
        return new ClipTokens(patch, Clip.CHANNELS);
    }

    /**
     * Returns the number of values of a token, P.
     *
     * @return frames · rows · columns · channels of a patch
     */
    public int values() {
        return patch.frames() * patch.height() * patch.width() * channels;
    }

    /**
     * Cuts an extent into tokens.
     *
     * @param numFrames T, 1 (an image, repeated to fill a patch) or a multiple of the patch's
     * @param height H, a multiple of the patch's
     * @param width W, a multiple of the patch's
     * @return the grid
     * @throws io.kinema.data.command.ConfigException when the extent does not divide into patches
     */
    public Grid grid(int numFrames, int height, int width) {
        return Grid.of(patch, numFrames, height, width);
    }

    /**
     * Returns the tokens of a clip that is not read yet.
     *
     * @param clip a row of a data set's index
     * @return the grid
     * @throws io.kinema.data.command.ConfigException when the clip does not divide into patches
     */
    public Grid grid(ClipEntry clip) {
        return grid(clip.numFrames(), clip.height(), clip.width());
    }

    /**
     * Returns the tokens of a clip.
     *
     * @param clip the clip
     * @return the grid
     * @throws io.kinema.data.command.ConfigException when the clip does not divide into patches
     */
    public Grid grid(Clip clip) {
        return grid(clip.numFrames(), clip.height(), clip.width());
    }

    /**
     * Cuts a clip into tokens.
     *
     * @param framesTHWC uint8 pixels [T, H, W, C]
     * @param numFrames T; 1 is an image, repeated to fill the patch
     * @param grid the clip's tokens
     * @param out rows of P values in [−1, 1], written from {@code offset} on
     * @param offset the first element to write
     */
    public void fromClip(byte[] framesTHWC, int numFrames, Grid grid, float[] out, int offset) {
        int rowBytes = grid.w() * patch.width() * channels;
        int frameBytes = Math.multiplyExact(grid.h() * patch.height(), rowBytes);
        if (framesTHWC.length != (long) numFrames * frameBytes) {
            throw new IllegalArgumentException(
                    framesTHWC.length + " bytes do not hold " + numFrames + " frames of " + frameBytes);
        }
        int runBytes = patch.width() * channels;
        int to = offset;
        for (int gt = 0; gt < grid.t(); gt++) {
            for (int gh = 0; gh < grid.h(); gh++) {
                for (int gw = 0; gw < grid.w(); gw++) {
                    for (int pt = 0; pt < patch.frames(); pt++) {
                        int frame = Math.min(gt * patch.frames() + pt, numFrames - 1);
                        for (int ph = 0; ph < patch.height(); ph++) {
                            int from = frame * frameBytes + (gh * patch.height() + ph) * rowBytes + gw * runBytes;
                            for (int i = 0; i < runBytes; i++) {
                                out[to++] = (framesTHWC[from + i] & 0xFF) / HALF_RANGE - 1f;
                            }
                        }
                    }
                }
            }
        }
    }

    /**
     * Puts tokens together.
     *
     * @param rows P values a token, [−1, 1] (what lies outside is clamped)
     * @param numFrames T; 1 keeps the first frame of the patches
     * @param grid the clip's tokens
     * @return uint8 pixels [T, H, W, C]
     */
    public byte[] toClip(float[] rows, int numFrames, Grid grid) {
        int rowBytes = grid.w() * patch.width() * channels;
        int frameBytes = Math.multiplyExact(grid.h() * patch.height(), rowBytes);
        int runBytes = patch.width() * channels;
        byte[] framesTHWC = new byte[Math.multiplyExact(numFrames, frameBytes)];
        int from = 0;
        for (int gt = 0; gt < grid.t(); gt++) {
            for (int gh = 0; gh < grid.h(); gh++) {
                for (int gw = 0; gw < grid.w(); gw++) {
                    for (int pt = 0; pt < patch.frames(); pt++) {
                        int frame = gt * patch.frames() + pt;
                        for (int ph = 0; ph < patch.height(); ph++, from += runBytes) {
                            if (frame < numFrames) {
                                int to = frame * frameBytes + (gh * patch.height() + ph) * rowBytes + gw * runBytes;
                                for (int i = 0; i < runBytes; i++) {
                                    framesTHWC[to + i] = toByte(rows[from + i]);
                                }
                            }
                        }
                    }
                }
            }
        }
        return framesTHWC;
    }

    private static byte toByte(float value) {
        return (byte) Math.clamp(Math.round((value + 1f) * HALF_RANGE), 0, 255);
    }
}
