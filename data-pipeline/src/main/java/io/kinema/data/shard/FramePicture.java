package io.kinema.data.shard;

import java.awt.image.BufferedImage;

/** Frames of clips as pictures for people. */
public final class FramePicture {
    private FramePicture() {}

    /**
     * Makes a picture of a frame.
     *
     * @param clip the clip
     * @param frameIndex 0 to T−1
     * @return W pixels wide and H high, RGB
     */
    public static BufferedImage of(Clip clip, int frameIndex) {
        BufferedImage image = new BufferedImage(clip.width(), clip.height(), BufferedImage.TYPE_INT_RGB);
        byte[] frames = clip.framesTHWC();
        int at = 3 * frameIndex * clip.height() * clip.width();
        for (int y = 0; y < clip.height(); y++) {
            for (int x = 0; x < clip.width(); x++, at += 3) {
                int red = Byte.toUnsignedInt(frames[at]);
                int green = Byte.toUnsignedInt(frames[at + 1]);
                image.setRGB(x, y, red << 16 | green << 8 | Byte.toUnsignedInt(frames[at + 2]));
            }
        }
        return image;
    }

    /**
     * Chooses frames spread evenly over a clip, with the first and the last.
     *
     * @param numFrames frames of the clip, at least 1
     * @param numShown the most frames to choose, at least 1; 1 chooses the first
     * @return ascending indices; all indices if there are at most {@code numShown}
     */
    public static int[] firstToLast(int numFrames, int numShown) {
        int[] indices = new int[Math.min(numFrames, numShown)];
        for (int i = 1; i < indices.length; i++) {
            indices[i] = i * (numFrames - 1) / (indices.length - 1);
        }
        return indices;
    }
}
