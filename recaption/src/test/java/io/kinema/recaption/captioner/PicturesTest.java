package io.kinema.recaption.captioner;

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
