package io.kinema.data.video;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FfmpegTest {
    private static final List<Integer> UPRIGHT = List.of(0, 1, 2, 3);
    private static Ffmpeg ffmpeg;
    private static TestVideos videos;

    @TempDir
    Path folder;

    @BeforeAll
    static void locate() throws IOException {
        ffmpeg = Ffmpeg.locate("", 60);
        videos = new TestVideos();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mov", "gif"})
    void shouldGiveBackTheFramesThatItEncoded(String extension) throws IOException {
        Path file = videos.good(folder.resolve("a." + extension), 12, 48, 80);
        SourceProbe probe = ffmpeg.probe(file);
        assertEquals(48, probe.displayHeight());
        assertEquals(80, probe.displayWidth());
        assertEquals(12, probe.frameRateHz(), 0.6);
        assertFalse(probe.image());
        byte[] frames = decode(file, "12", 48, 80, 12);
        byte[] expected = TestVideos.corners(12, 48, 80);
        assertEquals(expected.length, frames.length);
        long difference = 0;
        for (int i = 0; i < frames.length; i++) {
            difference += Math.abs(Byte.toUnsignedInt(frames[i]) - Byte.toUnsignedInt(expected[i]));
        }
        assertTrue(difference / (double) frames.length < 4, "mean difference " + difference / (double) frames.length);
    }

    @Test
    void shouldWriteAPngWithoutLoss() throws IOException {
        Path file = folder.resolve("a.png");
        byte[] frame = TestVideos.corners(1, 17, 31);
        ffmpeg.encode(file, frame, 17, 31, 1);
        assertTrue(ffmpeg.probe(file).image());
        try (FrameStream stream = ffmpeg.decode(file, "", 17, 31)) {
            byte[] decoded = new byte[frame.length];
            assertEquals(1, stream.read(decoded, 1));
            assertArrayEquals(frame, decoded);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mov", "gif"})
    void shouldWriteTheSameBytesTwice(String extension) throws IOException {
        byte[] once = Files.readAllBytes(videos.good(folder.resolve("a." + extension), 8, 32, 32));
        byte[] twice = Files.readAllBytes(videos.good(folder.resolve("b." + extension), 8, 32, 32));
        assertArrayEquals(once, twice);
    }

    @Test
    void shouldTurnRotatedVideoUpright() throws IOException {
        Path file = videos.rotated(folder.resolve("a.mp4"), 8, 96, 64);
        SourceProbe probe = ffmpeg.probe(file);
        assertEquals(96, probe.displayHeight());
        assertEquals(64, probe.displayWidth());
        assertEquals(UPRIGHT, TestVideos.quarters(decode(file, "12", 96, 64, 8), 96, 64));
    }

    @Test
    void shouldStretchPixelsThatAreNotSquare() throws IOException {
        Path square = videos.good(folder.resolve("square.mp4"), 4, 96, 64);
        Path file = folder.resolve("wide.mp4");
        videos.run("-i", square.toString(), "-vf", "setsar=2/1", "-c:v", "mpeg4", file.toString());
        assertEquals(128, ffmpeg.probe(file).displayWidth());
        assertEquals(96, ffmpeg.probe(file).displayHeight());
    }

    @Test
    void shouldDecodeTenBits() throws IOException {
        Path file = videos.tenBit(folder.resolve("a.mkv"), 6, 64, 96);
        assertEquals(UPRIGHT, TestVideos.quarters(decode(file, "12", 64, 96, 6), 64, 96));
    }

    @Test
    void shouldShowVariableFrameRateAtItsAverage() throws IOException {
        Path file = videos.variableFrameRate(folder.resolve("a.mp4"), 42, 48, 64);
        SourceProbe probe = ffmpeg.probe(file);
        assertEquals(24 * 4 / 7.0, probe.frameRateHz(), 1);
        int numFrames = decode(file, probe.frameRate(), 48, 64, 100).length / (3 * 48 * 64);
        assertEquals(42 / 24.0 * probe.frameRateHz(), numFrames, 1.5);
    }

    @ParameterizedTest
    @CsvSource({
        "30000/1001, 30000/1001, 30000/1001",
        "19001/634, 30/1, 30/1",
        "137/10, 24/1, 137/10",
        "0/0, 25/1, 25/1",
        "25/1, 90000/1, 25/1",
        "0/0, 90000/1, 0/0",
        "0/0, 0/0, 0/0"
    })
    void shouldChooseOneFrameRate(String average, String base, String chosen) {
        assertEquals(chosen, SourceProbe.frameRate(average, base));
    }

    @Test
    void shouldSayWhatIsWrongWithFilesThatCannotBeRead() throws IOException {
        Path text = Files.writeString(folder.resolve("text.mp4"), "This is not a video.\n".repeat(100));
        Path empty = Files.createFile(folder.resolve("empty.mp4"));
        Path truncated = videos.truncated(folder.resolve("truncated.mp4"), 0.5);
        Path playlist = Files.writeString(
                folder.resolve("list.mp4"),
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n");
        for (Path file : List.of(text, empty, truncated, playlist)) {
            UnusableSourceException e =
                    assertThrows(UnusableSourceException.class, () -> ffmpeg.probe(file), file + "");
            assertEquals("probe", e.stage());
            assertFalse(e.getMessage().contains("\n") || e.getMessage().contains("0x"), e.getMessage());
        }
        UnusableSourceException sound = assertThrows(
                UnusableSourceException.class, () -> ffmpeg.probe(videos.audioOnly(folder.resolve("sound.mp4"))));
        assertEquals("no video stream", sound.getMessage());
    }

    @Test
    void shouldRejectAFileWhoseDecodeFailsMidway() throws IOException {
        Path good = videos.good(folder.resolve("good.mp4"), 24, 72, 128);
        byte[] bytes = Files.readAllBytes(good);
        Arrays.fill(bytes, bytes.length / 4, bytes.length / 2, (byte) 0x5a);
        Path file = Files.write(folder.resolve("bad.mp4"), bytes);
        UnusableSourceException e = assertThrows(UnusableSourceException.class, () -> decode(file, "12", 72, 128, 24));
        assertEquals("decode", e.stage());
    }

    @Test
    void shouldRejectAFileThatEndsMidwayThoughItsIndexIsThere() throws IOException {
        Path good = videos.good(folder.resolve("good.mp4"), 24, 72, 128);
        Path indexFirst = folder.resolve("first.mp4");
        videos.run("-i", good.toString(), "-c", "copy", "-movflags", "+faststart", indexFirst.toString());
        byte[] bytes = Files.readAllBytes(indexFirst);
        Files.write(indexFirst, Arrays.copyOf(bytes, bytes.length * 3 / 4));
        assertThrows(UnusableSourceException.class, () -> {
            ffmpeg.probe(indexFirst);
            decode(indexFirst, "12", 72, 128, 24);
        });
    }

    @Test
    void shouldStopWhatTakesTooLong() throws IOException {
        Path file = videos.good(folder.resolve("a.mp4"), 12, 48, 80);
        Ffmpeg hasty = Ffmpeg.locate("", new LimitedProcess.Limits(300, 4 << 20));
        long startNs = System.nanoTime();
        // Ten thousand frames a second of three thousand rows cannot be done in time.
        UnusableSourceException e = assertThrows(UnusableSourceException.class, () -> {
            try (FrameStream stream = hasty.decode(file, "10000", 3000, 5000)) {
                byte[] frame = new byte[3 * 3000 * 5000];
                while (stream.read(frame, 1) == 1) {
                    frame[0] = 0;
                }
            }
        });
        assertTrue(e.getMessage().contains("longer than"), e.getMessage());
        assertTrue(System.nanoTime() - startNs < 10_000_000_000L);
    }

    @Test
    void shouldStopWhatTakesTooMuchMemory() throws IOException {
        Path file = videos.good(folder.resolve("a.mp4"), 4, 48, 80);
        Ffmpeg lean = Ffmpeg.locate("", new LimitedProcess.Limits(60_000, 400 << 10));
        UnusableSourceException e = assertThrows(UnusableSourceException.class, () -> {
            try (FrameStream stream = lean.decode(file, "12", 12000, 12000)) {
                stream.read(new byte[3 * 12000 * 12000], 1);
            }
        });
        assertEquals("decode", e.stage());
    }

    @Test
    void shouldNotLeaveAFileWhenEncodingFails() {
        byte[] frames = TestVideos.corners(1, 47, 80);
        ConfigException odd =
                assertThrows(ConfigException.class, () -> ffmpeg.encode(folder.resolve("a.mp4"), frames, 47, 80, 12));
        assertTrue(odd.getMessage().contains("47"), odd.getMessage());
        assertThrows(ConfigException.class, () -> ffmpeg.encode(folder.resolve("a.xyz"), frames, 47, 80, 12));
        assertThrows(IOException.class, () -> ffmpeg.encode(folder.resolve("none/a.gif"), frames, 47, 80, 12));
        assertEquals(0, folder.toFile().list().length);
    }

    @Test
    void shouldUseTheProgramsThatAreGiven() throws IOException {
        FfmpegPrograms bundled = FfmpegPrograms.locate("");
        for (String name : List.of("ffmpeg", "ffprobe")) {
            String program = name.equals("ffmpeg") ? bundled.ffmpeg() : bundled.ffprobe();
            String libraries = bundled.environment().getOrDefault("LD_LIBRARY_PATH", "");
            Path script = Files.writeString(
                    folder.resolve(name), "#!/bin/sh\nLD_LIBRARY_PATH=" + libraries + " exec " + program + " \"$@\"\n");
            assertTrue(script.toFile().setExecutable(true));
        }
        Ffmpeg given = Ffmpeg.locate(folder.resolve("ffmpeg").toString(), 60);
        assertTrue(given.description().contains("--ffmpeg " + folder.resolve("ffmpeg")), given.description());
        assertEquals(ffmpeg.version(), given.version());
        given.encode(folder.resolve("a.gif"), TestVideos.corners(2, 16, 16), 16, 16, 12);
        assertEquals(16, given.probe(folder.resolve("a.gif")).displayHeight());
    }

    @Test
    void shouldSayWhichProgramIsMissing() {
        ConfigException e = assertThrows(ConfigException.class, () -> Ffmpeg.locate("/none/ffmpeg", 60));
        assertTrue(e.getMessage().contains("/none/ffmpeg"), e.getMessage());
        assertTrue(ffmpeg.description().startsWith("ffmpeg "), ffmpeg.description());
    }

    private static byte[] decode(Path file, String rate, int height, int width, int maxFrames) throws IOException {
        try (FrameStream stream = ffmpeg.decode(file, rate, height, width)) {
            byte[] frames = new byte[3 * maxFrames * height * width];
            int numFrames = stream.read(frames, maxFrames);
            assertEquals(0, stream.read(new byte[3 * height * width], 1));
            return Arrays.copyOf(frames, 3 * numFrames * height * width);
        }
    }

    /** OpenH264 ends with an error when small noisy pictures have more bits than it can spend. */
    @Test
    void shouldEncodeNoiseOfSmallSizes() throws IOException {
        for (int[] size : new int[][] {{16, 16}, {64, 48}, {72, 56}, {96, 64}, {112, 80}, {128, 96}, {160, 120}}) {
            for (int rate : new int[] {1, 8, 120}) {
                byte[] noise = new byte[3 * 6 * size[0] * size[1]];
                new Random(size[0]).nextBytes(noise);
                Path file = folder.resolve("noise.mp4");
                ffmpeg.encode(file, noise, size[1], size[0], rate);
                assertEquals(size[0], ffmpeg.probe(file).displayWidth());
                Files.delete(file);
            }
        }
    }

    @Test
    void shouldTryAnEncoderWithoutWritingTheFile() throws IOException {
        Path file = folder.resolve("trial.mp4");
        ffmpeg.tryOut(file, 16, 48, 64, 8);
        assertFalse(Files.exists(file));
        ffmpeg.tryOut(folder.resolve("trial.png"), 1, 7, 5, 1);
        assertThrows(ConfigException.class, () -> ffmpeg.tryOut(file, 16, 47, 64, 8));
    }
}
