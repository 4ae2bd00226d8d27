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

class PatchesTest {
    private static final Patch PATCH = new Patch(2, 4, 8);

    private static byte[] pixels(int numFrames, int height, int width) {
        byte[] bytes = new byte[numFrames * height * width * 3];
        new Random(9).nextBytes(bytes);
        return bytes;
    }

    @Test
    void shouldPutAClipTogetherAsItWas() {
        byte[] clip = pixels(4, 8, 24);
        Grid grid = Grid.of(PATCH, 4, 8, 24);
        float[] rows = new float[5 + grid.tokens() * Patches.values(PATCH)];
        Patches.patchify(clip, 4, grid, PATCH, rows, 5);
        float[] shifted = Arrays.copyOfRange(rows, 5, rows.length);
        assertArrayEquals(clip, Patches.unpatchify(shifted, 4, grid, PATCH));
    }

    @Test
    void shouldOrderValuesByFrameRowColumnChannel() {
        byte[] clip = pixels(2, 4, 16);
        Grid grid = Grid.of(PATCH, 2, 4, 16);
        float[] rows = new float[grid.tokens() * Patches.values(PATCH)];
        Patches.patchify(clip, 2, grid, PATCH, rows, 0);
        // The second token's frame 1, row 2, column 3 within the patch, green.
        int pixel = ((1 * 4 + 2) * 16 + 8 + 3) * 3 + 1;
        int value = Patches.values(PATCH) + ((1 * 4 + 2) * 8 + 3) * 3 + 1;
        assertEquals((clip[pixel] & 0xFF) / 127.5f - 1, rows[value]);
    }

    @Test
    void shouldRepeatAnImageToFillItsPatch() {
        byte[] image = pixels(1, 4, 8);
        Grid grid = Grid.of(PATCH, 1, 4, 8);
        assertEquals(1, grid.tokens());
        float[] row = new float[Patches.values(PATCH)];
        Patches.patchify(image, 1, grid, PATCH, row, 0);
        for (int i = 0; i < row.length / 2; i++) {
            assertEquals(row[i], row[row.length / 2 + i]);
        }
        assertArrayEquals(image, Patches.unpatchify(row, 1, grid, PATCH));
    }

    @Test
    void shouldClampWhatIsNoPixel() {
        float[] row = new float[Patches.values(PATCH)];
        Arrays.fill(row, 0, row.length / 2, 7f);
        Arrays.fill(row, row.length / 2, row.length, -7f);
        byte[] frames = Patches.unpatchify(row, 2, new Grid(1, 1, 1), PATCH);
        assertEquals((byte) 255, frames[0]);
        assertEquals((byte) 0, frames[frames.length - 1]);
    }

    @Test
    void shouldRefuseClipsThatDoNotDivide() {
        for (int[] thw : new int[][] {{3, 4, 8}, {2, 5, 8}, {2, 4, 12}}) {
            ConfigException e = assertThrows(ConfigException.class, () -> Grid.of(PATCH, thw[0], thw[1], thw[2]));
            assertTrue(e.getMessage().contains("--patch 2x4x8"), e.getMessage());
        }
    }
}
