package io.kinema.recaption.captioner.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Measurements;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class PicturesTest {
    @Test
    void shouldShowFramesFromTheFirstToTheLast() {
        assertArrayEquals(
                new int[] {0, 3, 6, 9},
                Arrays.stream(new int[] {0, 1, 2, 3})
                        .map(i -> Pictures.frameIndex(i, 4, 10))
                        .toArray());
        assertEquals(4, Pictures.frameIndex(0, 1, 10), "a single picture shows the middle");
        assertEquals(0, Pictures.frameIndex(3, 4, 1), "a clip of one frame shows that");
    }

    @Test
    void shouldMakeEachPixelTheMeanOfWhatItCovers() {
        // Columns of 0, 30, 60, 90, 120, 150: thirds of two pixels.
        byte[] frame = new byte[2 * 6 * 3];
        for (int i = 0; i < frame.length; i++) {
            frame[i] = (byte) (30 * (i / 3 % 6));
        }
        byte[] pictures = new Pictures(1, 4).of(clip(1, 2, 6, frame));
        byte[] row = {10, 10, 10, 50, 50, 50, 100, 100, 100, (byte) 140, (byte) 140, (byte) 140};
        for (int y = 0; y < 4; y++) {
            assertArrayEquals(row, Arrays.copyOfRange(pictures, y * 12, y * 12 + 12), "row " + y);
        }
    }

    /** A white pixel on black in the second of two frames: all that the fourth and the fifth value are for. */
    @Test
    void shouldPointOutEdgesAndWhatMoves() {
        Pictures two = new Pictures(2, 4);
        byte[] pictures = new byte[two.numBytes()];
        int pixel = 4 * 4 + 5;
        Arrays.fill(pictures, 3 * pixel, 3 * pixel + 3, (byte) 255);
        float[] input = new float[two.numValues()];
        two.toInput(pictures, new int[] {0, 1}, Pictures.View.PLAIN, input, 0);
        int at = Pictures.CHANNELS * pixel;
        // The pixel differs by 2 from the one beside it and from the one below; from its mean over time by 1.
        assertArrayEquals(new float[] {1, 1, 1, 4, 1}, Arrays.copyOfRange(input, at, at + 5), 1e-6f);
        assertArrayEquals(new float[] {-1, -1, -1, 2, 0}, Arrays.copyOfRange(input, at - 5, at), 1e-6f);
        assertArrayEquals(new float[] {-1, -1, -1, 0, 1}, Arrays.copyOfRange(input, 5 * 5, 6 * 5), 1e-6f);
        two.toInput(pictures, new int[] {0, 1}, new Pictures.View(0, 0, 1, 1, 1, 0, false), input, 0);
        assertArrayEquals(new float[] {1, 1, 1, 4, 0}, Arrays.copyOfRange(input, at, at + 5), 1e-6f);
    }

    @Test
    void shouldMovePicturesAndRepeatTheirEdges() {
        Pictures one = new Pictures(1, 4);
        byte[] pictures = new byte[one.numBytes()];
        for (int i = 0; i < 16; i++) {
            Arrays.fill(pictures, 3 * i, 3 * i + 3, (byte) (50 * (i % 4)));
        }
        float[] input = new float[one.numValues()];
        one.toInput(pictures, new int[] {0}, new Pictures.View(1.5, 0, 1, 1, 1, 0, true), input, 0);
        float[] expected = {0, 0, 25, 75};
        for (int x = 0; x < 4; x++) {
            assertEquals(expected[x] / 127.5 - 1, input[Pictures.CHANNELS * x], 1e-6, "column " + x);
        }
    }

    private static Clip clip(int numFrames, int height, int width, byte[] frames) {
        return new Clip(
                "a#0",
                "a",
                "0".repeat(64),
                0,
                1,
                1,
                numFrames,
                height,
                width,
                frames,
                List.of(),
                "",
                Measurements.of(frames, numFrames));
    }
}
