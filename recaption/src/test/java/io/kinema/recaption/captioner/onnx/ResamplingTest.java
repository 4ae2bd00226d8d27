package io.kinema.recaption.captioner.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.data.shard.Sha256;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against what Pillow 12.3.0 makes of the same pictures with {@code Image.resize}. */
class ResamplingTest {
    @Test
    void shouldGiveThePixelsThatPillowGives() {
        byte[] bilinear = Resampling.BILINEAR.resize(picture(5, 7), new PictureSize(5, 7), new PictureSize(2, 3));
        assertArrayEquals(
                bytes(95, 137, 135, 133, 140, 108, 129, 108, 106, 152, 104, 102, 124, 148, 135, 120, 114, 155),
                bilinear);
        byte[] bicubic = Resampling.BICUBIC.resize(picture(5, 7), new PictureSize(5, 7), new PictureSize(2, 3));
        assertArrayEquals(
                bytes(88, 136, 139, 136, 144, 106, 131, 105, 103, 157, 101, 96, 124, 152, 137, 118, 113, 161), bicubic);
    }

    @ParameterizedTest
    @CsvSource({
        "BILINEAR, 9, 13, 5, 24, dbc9e82162b73fda3236dcc993f1f79775e3c52c4804efb29bd5185249ab047b",
        "BICUBIC, 9, 13, 5, 24, ba1fcc0dfbb790096ab6961cab47521300d8d7648ac2b3cd56854338d5320723",
        "BICUBIC, 3, 4, 11, 9, b2719b41b7bf3b9c983f7ecb3848e27bb574b602c84ccebaa9d1483f5564bc77",
        "BICUBIC, 48, 64, 17, 17, e8c6dcb0e0c2a0ff421e7533fce98e9bdd778b7bfa1f0eae50040c288e56f6cf"
    })
    void shouldGrowAndShrinkAsPillowDoes(
            Resampling filter, int height, int width, int toHeight, int toWidth, String sha256) {
        byte[] resized = filter.resize(
                picture(height, width), new PictureSize(height, width), new PictureSize(toHeight, toWidth));
        assertEquals(sha256, Sha256.of(resized));
    }

    @Test
    void shouldLeaveAPictureOfTheRightSizeAsItIs() {
        for (Resampling filter : Resampling.values()) {
            byte[] picture = picture(6, 4);
            assertArrayEquals(picture, filter.resize(picture, new PictureSize(6, 4), new PictureSize(6, 4)));
        }
    }

    private static byte[] picture(int height, int width) {
        byte[] valuesHWC = new byte[height * width * 3];
        for (int i = 0; i < valuesHWC.length; i++) {
            int c = i % 3;
            int x = i / 3 % width;
            int y = i / 3 / width;
            valuesHWC[i] = (byte) (x * 37 + y * 59 + c * 83 + x * y * (c + 1) * 7);
        }
        return valuesHWC;
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}
