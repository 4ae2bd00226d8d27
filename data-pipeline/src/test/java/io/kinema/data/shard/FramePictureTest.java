package io.kinema.data.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import org.junit.jupiter.api.Test;

class FramePictureTest {
    @Test
    void shouldHaveThePixelsOfTheFrame() {
        Clip clip = SmallDataset.clip(1);
        for (int frame = 0; frame < clip.numFrames(); frame++) {
            BufferedImage picture = FramePicture.of(clip, frame);
            assertEquals(clip.width(), picture.getWidth());
            assertEquals(clip.height(), picture.getHeight());
            for (int y = 0; y < clip.height(); y++) {
                for (int x = 0; x < clip.width(); x++) {
                    int at = 3 * ((frame * clip.height() + y) * clip.width() + x);
                    byte[] pixels = clip.framesTHWC();
                    int red = pixels[at] & 0xff;
                    int rgb = red << 16 | (pixels[at + 1] & 0xff) << 8 | pixels[at + 2] & 0xff;
                    assertEquals(rgb, picture.getRGB(x, y) & 0xffffff, frame + ", " + y + ", " + x);
                }
            }
        }
    }

    @Test
    void shouldSpreadFramesFromFirstToLast() {
        assertArrayEquals(new int[] {0, 15, 31, 47}, FramePicture.firstToLast(48, 4));
        assertArrayEquals(new int[] {0, 47}, FramePicture.firstToLast(48, 2));
        assertArrayEquals(new int[] {0}, FramePicture.firstToLast(48, 1));
        assertArrayEquals(new int[] {0, 1, 2}, FramePicture.firstToLast(3, 4));
        assertArrayEquals(new int[] {0}, FramePicture.firstToLast(1, 4));
    }
}
