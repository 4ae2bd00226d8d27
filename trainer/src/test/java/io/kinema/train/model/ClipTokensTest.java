package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ClipTokensTest {
    private static final Patch PATCH = new Patch(2, 4, 8);
    private static final ClipTokens TOKENS = ClipTokens.ofPixels(PATCH);

    private static byte[] pixels(int numFrames, int height, int width) {
        byte[] bytes = new byte[numFrames * height * width * 3];
        new Random(9).nextBytes(bytes);
        return bytes;
    }

    @Test
    void shouldPutAClipTogetherAsItWas() {
        byte[] clip = pixels(4, 8, 24);
        Grid grid = TOKENS.grid(4, 8, 24);
        float[] rows = new float[5 + grid.tokens() * TOKENS.values()];
        TOKENS.fromClip(clip, 4, grid, rows, 5);
        float[] shifted = Arrays.copyOfRange(rows, 5, rows.length);
        assertArrayEquals(clip, TOKENS.toClip(shifted, 4, grid));
    }

    @Test
    void shouldCutAnyNumberOfChannels() {
        ClipTokens latents = new ClipTokens(PATCH, 5);
        assertEquals(5 * TOKENS.values(), 3 * latents.values());
        byte[] clip = new byte[4 * 8 * 24 * 5];
        new Random(9).nextBytes(clip);
        Grid grid = latents.grid(4, 8, 24);
        float[] rows = new float[grid.tokens() * latents.values()];
        latents.fromClip(clip, 4, grid, rows, 0);
        assertArrayEquals(clip, latents.toClip(rows, 4, grid));
    }

    @Test
    void shouldOrderValuesByFrameRowColumnChannel() {
        byte[] clip = pixels(2, 4, 16);
        Grid grid = TOKENS.grid(2, 4, 16);
        float[] rows = new float[grid.tokens() * TOKENS.values()];
        TOKENS.fromClip(clip, 2, grid, rows, 0);
        // The second token's frame 1, row 2, column 3 within the patch, green.
        int pixel = ((1 * 4 + 2) * 16 + 8 + 3) * 3 + 1;
        int value = TOKENS.values() + ((1 * 4 + 2) * 8 + 3) * 3 + 1;
        assertEquals((clip[pixel] & 0xFF) / 127.5f - 1, rows[value]);
    }

    @Test
    void shouldRepeatAnImageToFillItsPatch() {
        byte[] image = pixels(1, 4, 8);
        Grid grid = TOKENS.grid(1, 4, 8);
        assertEquals(1, grid.tokens());
        float[] row = new float[TOKENS.values()];
        TOKENS.fromClip(image, 1, grid, row, 0);
        for (int i = 0; i < row.length / 2; i++) {
            assertEquals(row[i], row[row.length / 2 + i]);
        }
        assertArrayEquals(image, TOKENS.toClip(row, 1, grid));
    }

    @Test
    void shouldClampWhatIsNoPixel() {
        float[] row = new float[TOKENS.values()];
        Arrays.fill(row, 0, row.length / 2, 7f);
        Arrays.fill(row, row.length / 2, row.length, -7f);
        byte[] frames = TOKENS.toClip(row, 2, new Grid(1, 1, 1));
        assertEquals((byte) 255, frames[0]);
        assertEquals((byte) 0, frames[frames.length - 1]);
    }

    /** 2^32 patches would be counted as none, and 2^31 as fewer than none. */
    @Test
    void shouldCountPatchesOfLargeClipsOrRefuseThem() {
        ClipTokens pixels = ClipTokens.ofPixels(new Patch(1, 1, 1));
        assertEquals(Integer.MAX_VALUE, pixels.grid(1, 1, Integer.MAX_VALUE).tokens());
        for (int[] size : new int[][] {{1, 1 << 16, 1 << 16}, {1, 1 << 16, 1 << 15}, {1 << 11, 1 << 11, 1 << 10}}) {
            ConfigException refused = assertThrows(ConfigException.class, () -> pixels.grid(size[0], size[1], size[2]));
            assertTrue(refused.getMessage().contains("more than 2^31 - 1 patches"), refused.getMessage());
        }
        assertThrows(ArithmeticException.class, () -> new Grid(1 << 16, 1 << 15, 1).tokens());
        Grid wide = new Grid(1, 1 << 15, 1 << 15);
        assertThrows(ArithmeticException.class, () -> TOKENS.toClip(new float[0], 2, wide));
    }

    @Test
    void shouldRefuseClipsThatDoNotDivide() {
        for (int[] thw : new int[][] {{3, 4, 8}, {2, 5, 8}, {2, 4, 12}}) {
            ConfigException e = assertThrows(ConfigException.class, () -> TOKENS.grid(thw[0], thw[1], thw[2]));
            assertTrue(e.getMessage().contains("--patch 2x4x8"), e.getMessage());
        }
    }
}
