package io.kinema.train.sample;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.OutputFile;
import io.kinema.data.video.Ffmpeg;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Pixels that can be written to a file.
 *
 * @param framesTHWC uint8 RGB [T, H, W, 3]
 * @param numFrames T
 * @param height H
 * @param width W
 */
record VideoFile(byte[] framesTHWC, int numFrames, int height, int width) {
    private static final List<String> EXTENSIONS = List.of(".mp4", ".webm", ".gif", ".png");
    private static final int PIXEL_BYTES = 3;
    private static final int ENCODE_TIMEOUT_SECONDS = 600;

    /**
     * The size of a video, before there are pixels.
     *
     * @param numFrames T
     * @param height H
     * @param width W
     */
    record Extent(int numFrames, int height, int width) {
        /** How many bytes its pixels take; {@link Long#MAX_VALUE} for more than can be counted. */
        long bytes() {
            try {
                return Math.multiplyExact(Math.multiplyExact((long) PIXEL_BYTES * numFrames, height), (long) width);
            } catch (ArithmeticException beyondAll) {
                return Long.MAX_VALUE;
            }
        }

        /** Of so many side by side, as many columns as rows or one more. */
        Extent grid(int numTiles) {
            int columns = columns(numTiles);
            int rows = Math.ceilDiv(numTiles, columns);
            return new Extent(numFrames, Math.multiplyExact(height, rows), Math.multiplyExact(width, columns));
        }

        private static int columns(int numTiles) {
            return (int) Math.ceil(Math.sqrt(numTiles));
        }

        /** With a side of so many pixels at least, by a whole factor. */
        Extent enlarged(int minSide) {
            int factor = factor(minSide);
            return new Extent(numFrames, Math.multiplyExact(height, factor), Math.multiplyExact(width, factor));
        }

        private int factor(int minSide) {
            return Math.max(1, Math.ceilDiv(minSide, Math.max(height, width)));
        }

        private byte[] pixels() {
            return new byte[Math.toIntExact(bytes())];
        }
    }

    private Extent extent() {
        return new Extent(numFrames, height, width);
    }

    /** Refuses a name that cannot be written, before any work is done for it. */
    static void requireWritable(Path file, int numFrames, boolean force) {
        String name = file.getFileName().toString();
        if (EXTENSIONS.stream().noneMatch(name::endsWith)) {
            throw new ConfigException("--output " + file + " does not end in one of " + EXTENSIONS);
        }
        if (name.endsWith(".png") && numFrames != 1) {
            throw new ConfigException(
                    "--output " + file + " holds one frame, --frames is " + numFrames + "; use --frames 1 or .mp4");
        }
        OutputFile.requireNew("--output", file, force);
    }

    void write(String ffmpeg, Path file, double frameRateHz) throws IOException {
        Ffmpeg.locate(ffmpeg, ENCODE_TIMEOUT_SECONDS).encode(file, framesTHWC, height, width, frameRateHz);
    }

    /** Repeats pixels until a side has at least so many, for small models' videos to be seen. */
    VideoFile enlarged(int minSide) {
        int factor = extent().factor(minSide);
        byte[] larger = extent().enlarged(minSide).pixels();
        int to = 0;
        for (int row = 0; row < numFrames * height * factor; row++) {
            int from = row / factor * width * PIXEL_BYTES;
            for (int column = 0; column < width * factor; column++) {
                System.arraycopy(framesTHWC, from + column / factor * PIXEL_BYTES, larger, to, PIXEL_BYTES);
                to += PIXEL_BYTES;
            }
        }
        return new VideoFile(larger, numFrames, height * factor, width * factor);
    }

    /** Puts videos of one size side by side, row after row, as many columns as rows or one more. */
    static VideoFile grid(List<VideoFile> tiles) {
        VideoFile first = tiles.getFirst();
        int columns = Extent.columns(tiles.size());
        int rows = Math.ceilDiv(tiles.size(), columns);
        int rowBytes = first.width * PIXEL_BYTES;
        byte[] all = first.extent().grid(tiles.size()).pixels();
        for (int tile = 0; tile < tiles.size(); tile++) {
            for (int t = 0; t < first.numFrames; t++) {
                for (int h = 0; h < first.height; h++) {
                    int from = (t * first.height + h) * rowBytes;
                    int row = (t * rows + tile / columns) * first.height + h;
                    int to = (row * columns + tile % columns) * rowBytes;
                    System.arraycopy(tiles.get(tile).framesTHWC, from, all, to, rowBytes);
                }
            }
        }
        return new VideoFile(all, first.numFrames, first.height * rows, first.width * columns);
    }
}
