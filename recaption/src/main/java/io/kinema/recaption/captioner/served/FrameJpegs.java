package io.kinema.recaption.captioner.served;

import io.kinema.data.shard.Clip;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Frames of clips as JPEG files.
 *
 * @param numFrames the most frames of a clip, spread evenly from its first to its last
 * @param maxSide the most pixels along either side; larger frames are shrunk in their own aspect ratio
 */
record FrameJpegs(int numFrames, int maxSide) {
    /** The indices of the shown frames of a clip of so many frames. */
    int[] indices(int numFramesOfClip) {
        int count = Math.min(numFrames, numFramesOfClip);
        int[] indices = new int[count];
        for (int i = 1; i < count; i++) {
            indices[i] = Math.round((float) i * (numFramesOfClip - 1) / (count - 1));
        }
        return indices;
    }

    List<byte[]> of(Clip clip) {
        List<byte[]> jpegs = new ArrayList<>();
        for (int frameIndex : indices(clip.numFrames())) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            // Otherwise ImageIO writes a temporary file.
            try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
                if (!ImageIO.write(shrunk(clip, frameIndex), "jpg", out)) {
                    throw new IllegalStateException("this Java platform writes no JPEG");
                }
            } catch (IOException e) {
                throw new IllegalStateException("memory is always writable", e);
            }
            jpegs.add(bytes.toByteArray());
        }
        return jpegs;
    }

    /**
     * Shrinks a frame. Each pixel is the mean of the pixels that it covers, so that fine patterns do not turn into
     * coarse ones.
     */
    private BufferedImage shrunk(Clip clip, int frameIndex) {
        double scale = Math.min(1, (double) maxSide / Math.max(clip.width(), clip.height()));
        int width = Math.max(1, (int) Math.round(clip.width() * scale));
        int height = Math.max(1, (int) Math.round(clip.height() * scale));
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(
                        x,
                        y,
                        mean(clip, frameIndex, new Span(y, clip.height(), height), new Span(x, clip.width(), width)));
            }
        }
        return image;
    }

    /**
     * The rows or columns of a clip under one row or column of a smaller picture: pixels {@code first} to {@code last},
     * the outer two in part.
     */
    private record Span(double begin, double end, int first, int last) {
        Span(int index, int size, int smallerSize) {
            this((double) index * size / smallerSize, (double) (index + 1) * size / smallerSize);
        }

        private Span(double begin, double end) {
            this(begin, end, (int) begin, (int) Math.ceil(end) - 1);
        }

        double share(int pixel) {
            return (Math.min(end, pixel + 1) - Math.max(begin, pixel)) / (end - begin);
        }
    }

    private static int mean(Clip clip, int frameIndex, Span rows, Span columns) {
        byte[] frames = clip.framesTHWC();
        double red = 0;
        double green = 0;
        double blue = 0;
        for (int y = rows.first(); y <= rows.last(); y++) {
            for (int x = columns.first(); x <= columns.last(); x++) {
                double share = rows.share(y) * columns.share(x);
                int at = 3 * ((frameIndex * clip.height() + y) * clip.width() + x);
                red += share * Byte.toUnsignedInt(frames[at]);
                green += share * Byte.toUnsignedInt(frames[at + 1]);
                blue += share * Byte.toUnsignedInt(frames[at + 2]);
            }
        }
        return (int) Math.round(red) << 16 | (int) Math.round(green) << 8 | (int) Math.round(blue);
    }
}
