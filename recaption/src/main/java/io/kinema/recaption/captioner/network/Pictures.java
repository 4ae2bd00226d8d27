package io.kinema.recaption.captioner.network;

import io.kinema.data.shard.Clip;

/**
 * The pictures of a clip that a captioner sees: F frames, evenly spread from the first to the last, shrunk to squares
 * of one size. A square loses the aspect ratio but shows the whole frame.
 *
 * @param numFrames F
 * @param side S of the squares, in pixels
 */
public record Pictures(int numFrames, int side) {
    /** Channels of the network's input: red, green, blue, difference of neighbours, difference over time. */
    public static final int CHANNELS = 5;

    private static final int COLOURS = 3;

    /**
     * The number of bytes of a clip's pictures.
     *
     * @return {@code F·S·S·3}
     */
    public int numBytes() {
        return numFrames * side * side * COLOURS;
    }

    /**
     * The number of values of a clip in the network's input.
     *
     * @return {@code F·S·S·5}
     */
    int numValues() {
        return numFrames * side * side * CHANNELS;
    }

    /** The number of the frame that a picture shows. */
    static int frameIndex(int pictureIndex, int numPictures, int numFrames) {
        return numPictures == 1 ? (numFrames - 1) / 2 : Math.round(pictureIndex * (numFrames - 1f) / (numPictures - 1));
    }

    /**
     * Makes the pictures of a clip. Each pixel is the mean of the pixels that it covers. A clip with fewer frames than
     * F shows some frames more than once.
     *
     * @param clip the clip
     * @return uint8, {@code F·S·S·3}
     */
    public byte[] of(Clip clip) {
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
     * A random change of pictures during training, so that the model does not learn them by heart.
     *
     * @param right shift to the right, in pixels
     * @param down shift downwards, in pixels
     * @param zoomX factor of the width
     * @param zoomY factor of the height
     * @param contrast factor of colours, which are −1 to 1
     * @param brightness added to colours
     * @param showsMotion whether the channel of motion is filled
     */
    public record View(
            double right,
            double down,
            double zoomX,
            double zoomY,
            double contrast,
            double brightness,
            boolean showsMotion) {
        /** Pictures as they are. */
        public static final View PLAIN = new View(0, 0, 1, 1, 1, 0, true);
    }

    /**
     * Makes the network's input from a clip's pictures: {@code [F·S·S, 5]}. Colours are −1 to 1. The fourth channel is
     * the difference of neighbours: it shows outlines of any pair of colours. The fifth channel is the difference from
     * the place's mean over time: it shows motion.
     *
     * @param pictures the bytes that {@link #of} gives, for at least F frames
     * @param frames indices of the F pictures to use
     * @param view how to change the pictures; edges are repeated beyond the picture
     * @param out where to write
     * @param offset index of the first value to write
     */
    public void toInput(byte[] pictures, int[] frames, View view, float[] out, int offset) {
        int pixels = side * side;
        float[] colours = new float[numFrames * pixels * COLOURS];
        float[] means = new float[pixels * COLOURS];
        for (int f = 0; f < numFrames; f++) {
            look(pictures, frames[f] * pixels * COLOURS, view, colours, f * pixels * COLOURS);
            for (int i = 0; i < means.length; i++) {
                means[i] += colours[f * means.length + i] / numFrames;
            }
        }
        int at = offset;
        for (int f = 0; f < numFrames; f++) {
            int first = f * means.length;
            for (int y = 0; y < side; y++) {
                int below = y + 1 < side ? side * COLOURS : 0;
                for (int x = 0; x < side; x++) {
                    int beside = x + 1 < side ? COLOURS : 0;
                    int place = (y * side + x) * COLOURS;
                    float edge = 0;
                    float motion = 0;
                    for (int c = 0; c < COLOURS; c++) {
                        float value = colours[first + place + c];
                        out[at++] = value;
                        edge = Math.max(
                                edge,
                                Math.abs(colours[first + place + beside + c] - value)
                                        + Math.abs(colours[first + place + below + c] - value));
                        motion = Math.max(motion, Math.abs(value - means[place + c]));
                    }
                    out[at++] = edge;
                    out[at++] = view.showsMotion() ? motion : 0;
                }
            }
        }
    }

    /** Reads one picture through a view, interpolating between pixels. */
    private void look(byte[] pictures, int from, View view, float[] out, int to) {
        int[] columns = new int[side];
        float[] partOfNext = places(view.right(), view.zoomX(), columns);
        int[] rows = new int[side];
        float[] partOfBelow = places(view.down(), view.zoomY(), rows);
        float gain = (float) (view.contrast() / 127.5);
        float bias = (float) (view.brightness() - view.contrast());
        int at = to;
        for (int y = 0; y < side; y++) {
            int row = from + rows[y] * side * COLOURS;
            int below = from + Math.min(rows[y] + 1, side - 1) * side * COLOURS;
            for (int x = 0; x < side; x++) {
                int left = columns[x] * COLOURS;
                int right = Math.min(columns[x] + 1, side - 1) * COLOURS;
                for (int c = 0; c < COLOURS; c++) {
                    float above = mix(pictures[row + left + c], pictures[row + right + c], partOfNext[x]);
                    float under = mix(pictures[below + left + c], pictures[below + right + c], partOfNext[x]);
                    out[at++] = gain * (above + partOfBelow[y] * (under - above)) + bias;
                }
            }
        }
    }

    private static float mix(byte a, byte b, float partOfB) {
        int first = Byte.toUnsignedInt(a);
        return first + partOfB * (Byte.toUnsignedInt(b) - first);
    }

    /** For each pixel of a side: the source pixel before its point, and the share of the next source pixel. */
    private float[] places(double shift, double zoom, int[] before) {
        float[] parts = new float[side];
        double middle = (side - 1) / 2.0;
        for (int i = 0; i < side; i++) {
            double place = Math.clamp((i - middle - shift) / zoom + middle, 0, side - 1);
            before[i] = (int) place;
            parts[i] = (float) (place - before[i]);
        }
        return parts;
    }
}
