package io.kinema.data.shard;

/**
 * Measurements of a clip's pixels.
 *
 * @param motion mean absolute difference of consecutive frames over all pixels and channels, 0 (still) to 1
 * @param brightness mean of all pixels and channels, 0 (black) to 1 (white)
 */
public record Measurements(double motion, double brightness) {
    /**
     * Measures a clip.
     *
     * @param framesTHWC uint8 RGB, all frames one after another
     * @param numFrames T, at least 1
     * @return the measurements; the motion of a single frame is 0
     */
    public static Measurements of(byte[] framesTHWC, int numFrames) {
        int frameBytes = framesTHWC.length / numFrames;
        long sum = 0;
        long difference = 0;
        for (int i = 0; i < framesTHWC.length; i++) {
            int value = Byte.toUnsignedInt(framesTHWC[i]);
            sum += value;
            if (i >= frameBytes) {
                difference += Math.abs(value - Byte.toUnsignedInt(framesTHWC[i - frameBytes]));
            }
        }
        int pairs = framesTHWC.length - frameBytes;
        return new Measurements(pairs == 0 ? 0 : difference / 255.0 / pairs, sum / 255.0 / framesTHWC.length);
    }
}
