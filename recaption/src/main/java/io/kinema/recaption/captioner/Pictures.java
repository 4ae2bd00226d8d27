package io.kinema.recaption.captioner;

import io.kinema.data.shard.Clip;

/**
 * Frames as a captioner sees them: so many of a clip, evenly spread from the first to the last, shrunk to squares of one size. Squares lose the aspect ratio and keep all of the picture.
 *
 * @param numFrames F
 * @param side S of the squares, in pixels
 */
record Pictures(int numFrames, int side) {
    /** Of the network's input: red, green and blue, and how much the picture changes there. */
    static final int CHANNELS = 4;

    private static final int COLOURS = 3;

    /** Bytes of a clip's pictures, {@code F·S·S·3}. */
    int numBytes() {
        return numFrames * side * side * COLOURS;
    }

    /** Values of a clip's pictures in the network's input. */
    int numValues() {
        return numFrames * side * side * CHANNELS;
    }

    /** The number of the frame that a picture shows. */
    static int frameIndex(int pictureIndex, int numPictures, int numFrames) {
        return numPictures == 1
                ? (numFrames - 1) / 2
                : Math.round(pictureIndex * (numFrames - 1f) / (numPictures - 1));
    }

    /** The pictures of a clip, each pixel the mean of what it covers: uint8, {@code F·S·S·3}. A clip with fewer frames shows some more than once. */
    byte[] of(Clip clip) {
        byte[] pictures = new byte[numBytes()];
        float[] rows = new float[clip.height() * side * COLOURS];
        for (int f = 0; f < numFrames; f++) {
            int frame = frameIndex(f, numFrames, clip.numFrames());
            shrinkRows(clip, frame, rows);
            shrinkColumns(rows, clip.height(), pictures, f * side * side * COLOURS);
        }
        return pictures;
    }

    private void shrinkRows(Clip clip, int frame, float[] out) {
        byte[] frames = clip.framesTHWC();
        double step = clip.width() / (double) side;
        for (int y = 0; y < clip.height(); y++) {
            int from = (frame * clip.height() + y) * clip.width() * COLOURS;
            for (int x = 0; x < side; x++) {
                for (int c = 0; c < COLOURS; c++) {
                    double sum = 0;
                    for (int i = (int) (x * step); i < Math.min(clip.width(), (x + 1) * step); i++) {
                        sum += overlap(i, x, step) * Byte.toUnsignedInt(frames[from + i * COLOURS + c]);
                    }
                    out[(y * side + x) * COLOURS + c] = (float) (sum / step);
                }
            }
        }
    }

    private void shrinkColumns(float[] rows, int height, byte[] out, int offset) {
        double step = height / (double) side;
        for (int y = 0; y < side; y++) {
            for (int i = 0; i < side * COLOURS; i++) {
                double sum = 0;
                for (int row = (int) (y * step); row < Math.min(height, (y + 1) * step); row++) {
                    sum += overlap(row, y, step) * rows[row * side * COLOURS + i];
                }
                out[offset + y * side * COLOURS + i] = (byte) Math.round(sum / step);
            }
        }
    }

    /** How much of a source pixel lies in the pixel of a picture. */
    private static double overlap(int source, int target, double step) {
        return Math.min(source + 1, (target + 1) * step) - Math.max(source, target * step);
    }

    /**
     * Makes the network's input of a clip's pictures: {@code [F·S·S, 4]}, colours from −1 to 1, and as the fourth value how much neighbours differ, so that outlines need not be
     * learned for each pair of colours.
     *
     * @param pictures what {@link #of} gives
     * @param right by how many pixels all pictures are moved to the right; their edges are repeated
     * @param down the same downwards
     * @param out where to write
     * @param offset the first value to write
     */
    void toInput(byte[] pictures, int right, int down, float[] out, int offset) {
        int at = offset;
        for (int f = 0; f < numFrames; f++) {
            for (int y = 0; y < side; y++) {
                int row = (f * side + clamp(y - down)) * side;
                int below = (f * side + clamp(y - down + 1)) * side;
                for (int x = 0; x < side; x++) {
                    int here = COLOURS * (row + clamp(x - right));
                    int beside = COLOURS * (row + clamp(x - right + 1));
                    int under = COLOURS * (below + clamp(x - right));
                    int change = 0;
                    for (int c = 0; c < COLOURS; c++) {
                        int value = Byte.toUnsignedInt(pictures[here + c]);
                        out[at++] = value / 127.5f - 1;
                        change = Math.max(
                                change,
                                Math.abs(Byte.toUnsignedInt(pictures[beside + c]) - value)
                                        + Math.abs(Byte.toUnsignedInt(pictures[under + c]) - value));
                    }
                    out[at++] = change / 127.5f;
                }
            }
        }
    }

    private int clamp(int place) {
        return Math.clamp(place, 0, side - 1);
    }
}
