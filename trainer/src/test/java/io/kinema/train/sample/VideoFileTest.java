package io.kinema.train.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Collections;
import org.junit.jupiter.api.Test;

class VideoFileTest {
    @Test
    void shouldCountLargeVideosWithoutAllocatingThem() {
        VideoFile.Extent extent = new VideoFile.Extent(16, 46_341, 46_341);
        assertEquals(3L * 16 * 46_341 * 46_341, extent.bytes());
        assertEquals(3L * 16 * 46_341 * 3 * 46_341 * 3, extent.grid(9).bytes());
        assertEquals(Long.MAX_VALUE, new VideoFile.Extent(1 << 30, 1 << 30, 1 << 30).bytes());
        assertThrows(ArithmeticException.class, () -> extent.grid(Integer.MAX_VALUE));
        assertEquals(new VideoFile.Extent(1, 256, 512), new VideoFile.Extent(1, 1, 2).enlarged(512));
    }

    @Test
    void shouldHaveTheExtentThatWasCounted() {
        VideoFile tile = new VideoFile(new byte[] {1, 2, 3, 4, 5, 6}, 1, 1, 2);
        VideoFile grid = VideoFile.grid(Collections.nCopies(3, tile)).enlarged(8);
        VideoFile.Extent counted = new VideoFile.Extent(1, 1, 2).grid(3).enlarged(8);
        assertEquals(new VideoFile.Extent(1, 4, 8), counted);
        assertEquals(counted.bytes(), grid.framesTHWC().length);
        assertArrayEquals(new int[] {counted.height(), counted.width()}, new int[] {grid.height(), grid.width()});
    }
}
