package io.kinema.recaption.captioner.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Measurements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FramePreparationTest {
    @TempDir
    Path folder;

    @Test
    void shouldPutChannelsFirstAndNormaliseEachByItsOwn() throws IOException {
        FramePreparation.Pixels pixels = read("""
                        {"size": 2, "rescale_factor": 0.01, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 2]}
                        """).of(clip(2, 2), 1);
        assertEquals(new PictureSize(2, 2), pixels.size());
        // The second frame's bytes are 12 … 23, those of the first pixel 12, 13 and 14.
        assertArrayEquals(
                new float[] {0.04f, 0.1f, 0.16f, 0.22f, -0.28f, -0.16f, -0.04f, 0.08f, -0.08f, -0.065f, -0.05f, -0.035f
                },
                pixels.valuesCHW(),
                1e-6f);
    }

    @Test
    void shouldDoNothingThatIsTurnedOff() throws IOException {
        FramePreparation.Pixels pixels =
                read("{\"do_resize\": false, \"do_rescale\": false, \"do_normalize\": false, \"size\": 7}")
                        .of(clip(1, 2), 0);
        assertEquals(new PictureSize(1, 2), pixels.size());
        assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, pixels.valuesCHW());
    }

    @Test
    void shouldScaleBytesToOneByDefault() throws IOException {
        FramePreparation.Pixels pixels =
                read("{\"do_resize\": false, \"do_normalize\": false}").of(clip(1, 1), 1);
        assertArrayEquals(new float[] {3 / 255f, 4 / 255f, 5 / 255f}, pixels.valuesCHW(), 1e-9f);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'height': 3, 'width': 5} | 3 | 5",
                "4 | 4 | 4",
                "{'shortest_edge': 4} | 4 | 6",
                "{'shortest_edge': 5} | 5 | 8",
            })
    void shouldMakeTheSizeThatIsAskedFor(String size, int height, int width) throws IOException {
        FramePreparation preparation =
                read("{\"do_normalize\": false, \"size\": %s}".formatted(size.replace('\'', '"')));
        FramePreparation.Pixels pixels = preparation.of(clip(8, 13), 0);
        assertEquals(new PictureSize(height, width), pixels.size());
        assertEquals(3 * height * width, pixels.valuesCHW().length);
        boolean isFixed = !size.contains("edge");
        assertEquals(isFixed ? pixels.size() : new PictureSize(0, 0), preparation.fixedSize());
    }

    @Test
    void shouldCutTheMiddleOut() throws IOException {
        FramePreparation preparation = read("""
                {"size": 2, "do_center_crop": true, "crop_size": {"height": 2, "width": 1}, "do_rescale": false,
                 "do_normalize": false}
                """);
        FramePreparation.Pixels pixels = preparation.of(clip(2, 3), 0);
        assertEquals(new PictureSize(2, 1), preparation.fixedSize());
        assertArrayEquals(new float[] {3, 12, 4, 13, 5, 14}, pixels.valuesCHW());
    }

    @Test
    void shouldUseTheFilterThatIsAskedFor() throws IOException {
        String settings = "{\"size\": 3, \"do_normalize\": false, \"do_rescale\": false, \"resample\": %d}";
        float[] bilinear = read(settings.formatted(2)).of(clip(8, 8), 0).valuesCHW();
        float[] bicubic = read(settings.formatted(3)).of(clip(8, 8), 0).valuesCHW();
        assertEquals(
                Resampling.BILINEAR.resize(ramp(8 * 8), new PictureSize(8, 8), new PictureSize(3, 3))[0], bilinear[0]);
        assertEquals(
                Resampling.BICUBIC.resize(ramp(8 * 8), new PictureSize(8, 8), new PictureSize(3, 3))[0], bicubic[0]);
        assertTrue(bilinear[0] != bicubic[0]);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'do_normalize': false} | has no size; give it as {\"height\": pixels",
                "{'do_normalize': false, 'size': 0} | has size=0; give it as",
                "{'do_normalize': false, 'size': 100000} | has size=100000; give it as",
                "{'do_normalize': false, 'size': {'longest_edge': 9}} | has size={\"longest_edge\":9}; give it as",
                "{'size': 4} | has no image_mean; give it as three numbers",
                "{'size': 4, 'image_mean': [0.5], 'image_std': [1, 1, 1]} | has image_mean=[0.5]; give it as three",
                "{'size': 4, 'image_mean': [0, 0, 0], 'image_std': [1, 0, 1]} |"
                        + " has image_std=[1,0,1]; give it as three",
                "{'size': 4, 'image_mean': [0, 0, 0], 'image_std': [1, 'x', 1]} |"
                        + " has image_std=[1,\"x\",1]; give it as",
            })
    void shouldSayWhatIsWrong(String settings, String message) {
        ConfigException mistake = assertThrows(ConfigException.class, () -> read(settings.replace('\'', '"')));
        assertTrue(mistake.getMessage().contains(message), mistake.getMessage());
        assertTrue(mistake.getMessage().startsWith(folder.toString()), mistake.getMessage());
    }

    @Test
    void shouldNotCutOutMoreThanThereIs() throws IOException {
        FramePreparation preparation =
                read("{\"size\": 4, \"do_normalize\": false, \"do_center_crop\": true, \"crop_size\": 5}");
        ConfigException mistake = assertThrows(ConfigException.class, () -> preparation.of(clip(8, 8), 0));
        assertTrue(mistake.getMessage().contains("crop_size 5x5, larger than the frames of 4x4"), mistake.getMessage());
    }

    private FramePreparation read(String settings) throws IOException {
        Files.writeString(folder.resolve(OnnxFolder.PREPROCESSOR), settings);
        return FramePreparation.read(new OnnxFolder(folder));
    }

    /** Two frames whose bytes count up. */
    private static Clip clip(int height, int width) {
        byte[] framesTHWC = ramp(2 * height * width);
        return new Clip(
                "1", "1.gif", "", 0, 2, 1, 2, height, width, framesTHWC, List.of(), "", Measurements.of(framesTHWC, 2));
    }

    private static byte[] ramp(int numPixels) {
        byte[] bytes = new byte[3 * numPixels];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }
}
