package io.kinema.train.model;

import io.kinema.data.clip.Patch;

/** Turns pixels into the rows of a packed sequence and back; see docs/numerics.md, "Pixels and tokens". */
public final class Patches {
    private static final float HALF_RANGE = 127.5f;

    /** Red, green, blue. */
    private static final int CHANNELS = 3;

    private Patches() {}

    /**
     * Returns the number of values in a patch, P.
     *
     * @param patch its extents
     * @return frames · rows · columns · 3
     */
    public static int values(Patch patch) {
        return patch.frames() * patch.height() * patch.width() * CHANNELS;
    }

    /**
     * Cuts a clip into patches.
     *
     * @param framesTHWC uint8 pixels [T, H, W, 3]
     * @param numFrames T; 1 is an image, repeated to fill the patch
     * @param grid the clip's patches
     * @param patch their extents
     * @param out rows of P values in [−1, 1], written from {@code offset} on
     * @param offset the first element to write
     */
    public static void patchify(byte[] framesTHWC, int numFrames, Grid grid, Patch patch, float[] out, int offset) {
        int rowBytes = grid.w() * patch.width() * CHANNELS;
        int frameBytes = grid.h() * patch.height() * rowBytes;
        if (framesTHWC.length != numFrames * frameBytes) {
            throw new IllegalArgumentException(
                    framesTHWC.length + " bytes do not hold " + numFrames + " frames of " + frameBytes);
        }
        int runBytes = patch.width() * CHANNELS;
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
     * Puts patches together.
     *
     * @param rows P values a token, [−1, 1] (what lies outside is clamped)
     * @param numFrames T; 1 keeps the first frame of the patches
     * @param grid the clip's patches
     * @param patch their extents
     * @return uint8 pixels [T, H, W, 3]
     */
    public static byte[] unpatchify(float[] rows, int numFrames, Grid grid, Patch patch) {
        int rowBytes = grid.w() * patch.width() * CHANNELS;
        int frameBytes = grid.h() * patch.height() * rowBytes;
        int runBytes = patch.width() * CHANNELS;
        byte[] framesTHWC = new byte[numFrames * frameBytes];
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
