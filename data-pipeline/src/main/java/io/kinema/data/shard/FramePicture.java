package io.kinema.data.shard;

import java.awt.image.BufferedImage;

/** Frames of clips as pictures, for people to look at. */
public final class FramePicture {
    private FramePicture() {}

    /**
     * Makes a picture of a frame.
     *
     * @param clip the clip
     * @param frameIndex which of its frames, 0 to T-1
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
     * Chooses frames that are spread evenly over a clip, its first and its last among them.
     *
     * @param numFrames how many the clip has, at least 1
     * @param numShown how many to choose at most, at least 1; if 1, it is the first
     * @return their indices, ascending: all if there are no more than {@code numShown}
     */
    public static int[] firstToLast(int numFrames, int numShown) {
        int[] indices = new int[Math.min(numFrames, numShown)];
        for (int i = 1; i < indices.length; i++) {
            indices[i] = i * (numFrames - 1) / (indices.length - 1);
        }
        return indices;
    }
}
