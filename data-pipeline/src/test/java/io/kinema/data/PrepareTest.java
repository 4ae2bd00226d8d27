package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.Sha256;
import io.kinema.data.video.Ffmpeg;
import io.kinema.data.video.TestVideos;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrepareTest {
    private static final List<Integer> UPRIGHT = List.of(0, 1, 2, 3);
    private static TestVideos videos;

    @TempDir
    Path folder;

    private Path input;
    private Path output;

    @BeforeAll
    static void locate() throws IOException {
        videos = new TestVideos();
    }

    @BeforeEach
    void makeInput() throws IOException {
        input = Files.createDirectory(folder.resolve("videos"));
        output = folder.resolve("data");
    }

    @Test
    void shouldUseGoodFilesAndQuarantineBadOnesWithReasons() throws IOException {
        videos.rotated(input.resolve("rotated.mp4"), 12, 128, 72);
        videos.tenBit(input.resolve("ten.mkv"), 12, 96, 96);
        videos.variableFrameRate(input.resolve("variable.mp4"), 48, 72, 168);
        videos.truncated(input.resolve("truncated.mp4"), 0.3);
        Files.createFile(input.resolve("zero.mp4"));
        Files.writeString(input.resolve("text.mp4"), "Not a video, however it is called.\n");
        videos.audioOnly(input.resolve("sound.m4a"));
        videos.good(input.resolve("short.mp4"), 1, 64, 64);

        Console console = Console.prepare("--input", input, "--output", output, "--max-pixels", 4096);
        assertEquals(0, console.exitCode(), console.stderr());
        assertTrue(console.stdout().contains("3 files used, 5 quarantined"), console.stdout());
        assertTrue(console.stdout().contains("data set: " + output), console.stdout());

        Map<String, Clip> first = new HashMap<>();
        try (Dataset data = Dataset.open(output.toString())) {
            assertEquals(3, data.manifest().counts().files());
            assertEquals(5, data.manifest().counts().quarantined());
            for (ClipEntry entry : data.clips()) {
                Clip clip = data.read(entry);
                first.putIfAbsent(clip.sourceUri(), clip);
                assertEquals(UPRIGHT, TestVideos.quarters(clip.framesTHWC(), clip.height(), clip.width()), clip.id());
                assertTrue(clip.height() * clip.width() <= 4096);
                assertEquals(0, clip.numFrames() % 2 + clip.height() % 8 + clip.width() % 8);
            }
        }
        assertEquals("80x48x12", size(first.get("rotated.mp4")));
        assertEquals("64x64x12", size(first.get("ten.mkv")));
        assertEquals("40x96", size(first.get("variable.mp4")).replaceFirst("x\\d+$", ""));
        assertEquals(24 * 4 / 7.0, first.get("variable.mp4").frameRateHz(), 1);

        Map<String, JsonNode> quarantine = quarantine();
        assertEquals(5, quarantine.size());
        assertReason(quarantine, "zero.mp4", "probe", "the file is empty");
        assertReason(quarantine, "truncated.mp4", "probe", "moov atom not found");
        assertReason(quarantine, "text.mp4", "probe", "not a video or image that can be read");
        assertReason(quarantine, "sound.m4a", "probe", "no video stream");
        assertReason(quarantine, "short.mp4", "cut", "too short: 1 frames");
    }

    @Test
    void shouldGiveTheSameBytesHoweverManyCoresWork() throws IOException {
        for (int i = 0; i < 19; i++) {
            videos.good(input.resolve("v" + i + (i % 2 == 0 ? ".mp4" : ".gif")), 4 + i, 32, 48);
        }
        Files.createFile(input.resolve("v7b.mp4"));
        Path other = folder.resolve("other");
        Path moved = folder.resolve("moved");
        assertEquals(
                0,
                Console.prepare("--input", input, "--output", output, "--master", "local[1]")
                        .exitCode());
        Files.move(input, moved);
        assertEquals(
                0,
                Console.prepare("--input", moved, "--output", other, "--master", "local[3]")
                        .exitCode());
        Map<String, String> once = digests(output);
        assertEquals(once, digests(other));
        assertTrue(once.size() > 5, once.keySet().toString());
    }

    @Test
    void shouldCutClipsEndToEndAndDropFramesThatDoNotFillAPatch() throws IOException {
        videos.good(input.resolve("a.mp4"), 31, 32, 32);
        assertEquals(
                0,
                Console.prepare("--input", input, "--output", output, "--clip-seconds", "1", "--patch", "4x8x8")
                        .exitCode());
        try (Dataset data = Dataset.open(output.toString())) {
            assertEquals(
                    List.of("a.mp4#0 12", "a.mp4#1 12", "a.mp4#2 4"),
                    data.clips().stream()
                            .map(clip -> clip.id() + " " + clip.numFrames())
                            .toList());
            Clip last = data.read(data.clips().getLast());
            assertEquals(2, last.startSeconds(), 1e-9);
            assertEquals(2 + 4 / 12.0, last.endSeconds(), 1e-9);
            assertEquals(28, data.manifest().counts().frames());
        }
    }

    @Test
    void shouldResampleToTheFrameRateThatIsAskedFor() throws IOException {
        videos.good(input.resolve("a.mp4"), 36, 32, 32);
        assertEquals(
                0,
                Console.prepare("--input", input, "--output", output, "--fps", "8")
                        .exitCode());
        try (Dataset data = Dataset.open(output.toString())) {
            assertEquals(24, data.clips().getFirst().numFrames());
            assertEquals(8, data.read(data.clips().getFirst()).frameRateHz());
        }
    }

    @Test
    void shouldTakeImagesAsClipsOfOneFrame() throws IOException {
        byte[] frame = TestVideos.corners(1, 40, 64);
        Ffmpeg.locate("", 60).encode(input.resolve("100%d *.png"), frame, 40, 64, 1);
        videos.run(
                "-i",
                input.resolve("100%%d *.png").toString(),
                input.resolve("b.jpg").toString());
        videos.run(
                "-i",
                input.resolve("b.jpg").toString(),
                "-lossless",
                "1",
                input.resolve("c.webp").toString());
        videos.good(input.resolve("d.gif"), 1, 40, 64);
        Console console = Console.prepare("--input", input, "--output", output);
        assertEquals(0, console.exitCode(), console.stderr());
        try (Dataset data = Dataset.open(output.toString())) {
            assertEquals(4, data.clips().size(), console.stdout());
            for (ClipEntry entry : data.clips()) {
                Clip clip = data.read(entry);
                assertEquals("40x64x1", size(clip), clip.id());
                assertEquals(UPRIGHT, TestVideos.quarters(clip.framesTHWC(), 40, 64), clip.id());
                assertEquals(clip.startSeconds(), clip.endSeconds());
                assertEquals(0, clip.measurements().motion());
            }
            Clip png = data.read(data.clips().getFirst());
            assertArrayEquals(frame, png.framesTHWC());
            assertEquals("100%25d%20*.png", png.sourceUri());
        }
    }

    @Test
    void shouldFindCaptionsInSidecarsAndTables() throws IOException {
        Files.createDirectory(input.resolve("sub"));
        for (String name : List.of("a", "b", "sub/c", "d", "e")) {
            videos.good(input.resolve(name + ".gif"), 2, 16, 16);
        }
        Files.writeString(input.resolve("a.txt"), "  from a text file \n");
        Files.writeString(
                input.resolve("b.json"), "{\"caption\": \"one\", \"captions\": [\"two\"], \"licence\": \"CC0-1.0\"}");
        Files.writeString(
                input.resolve("captions.csv"),
                "path,caption,licence\nsub/c.gif,\"with a comma, and \"\"quotes\"\"\",CC-BY-4.0\nnone.gif,lost,\n");
        Files.writeString(
                input.resolve("captions.jsonl"), "{\"path\": \"./sub/c.gif\", \"caption\": \"from a line\"}\n\n");
        Files.writeString(input.resolve("e.json"), "{\"caption\": ");
        Console console = Console.prepare("--input", input, "--output", output);
        assertEquals(0, console.exitCode(), console.stderr());
        assertTrue(console.stdout().contains("name 1 files that are not there (none.gif)"), console.stdout());
        assertReason(quarantine(), "e.gif", "caption", "e.json is not JSON");
        try (Dataset data = Dataset.open(output.toString())) {
            Map<String, Clip> clips = new HashMap<>();
            for (ClipEntry entry : data.clips()) {
                clips.put(entry.id(), data.read(entry));
            }
            assertEquals(
                    List.of(Caption.ofSource("from a text file", "txt")),
                    clips.get("a.gif#0").captions());
            assertEquals(
                    List.of(Caption.ofSource("one", "json"), Caption.ofSource("two", "json")),
                    clips.get("b.gif#0").captions());
            assertEquals("CC0-1.0", clips.get("b.gif#0").licence());
            assertEquals(
                    List.of(
                            Caption.ofSource("with a comma, and \"quotes\"", "captions.csv"),
                            Caption.ofSource("from a line", "captions.jsonl")),
                    clips.get("sub/c.gif#0").captions());
            assertEquals("CC-BY-4.0", clips.get("sub/c.gif#0").licence());
            assertEquals(List.of(), clips.get("d.gif#0").captions());
        }
    }

    @Test
    void shouldRejectInputWithoutAnythingToUse() throws IOException {
        assertTrue(
                Console.prepare("--input", input, "--output", output).mistake().contains("is empty"));
        assertTrue(Console.prepare("--input", folder.resolve("none"), "--output", output)
                .mistake()
                .contains("no folder"));
        Files.writeString(input.resolve("a.txt"), "a caption of nothing");
        assertTrue(
                Console.prepare("--input", input, "--output", output).mistake().contains("no videos or images"));
        assertTrue(Files.notExists(output));

        Files.writeString(input.resolve("a.mp4"), "no video either");
        String mistake = Console.prepare("--input", input, "--output", output).mistake();
        assertTrue(mistake.contains("none of the 1 files"), mistake);
        assertEquals(1, quarantine().size());
        videos.good(input.resolve("b.mp4"), 4, 32, 32);
        assertEquals(0, Console.prepare("--input", input, "--output", output).exitCode(), "nothing stands in the way");
    }

    @Test
    void shouldNotTouchOutputThatHoldsSomethingUnlessAskedTo() throws IOException {
        videos.good(input.resolve("a.gif"), 2, 16, 16);
        assertEquals(0, Console.prepare("--input", input, "--output", output).exitCode());
        Map<String, String> before = digests(output);
        String finished = Console.prepare("--input", input, "--output", output).mistake();
        assertTrue(finished.contains("a finished data set") && finished.contains("--overwrite"), finished);
        assertEquals(before, digests(output));

        Files.delete(output.resolve("manifest.json"));
        Files.writeString(output.resolve("shards/shard-00009-00000.arrow.tmp"), "half");
        String unfinished =
                Console.prepare("--input", input, "--output", output).mistake();
        assertTrue(unfinished.contains("an unfinished preparation") && unfinished.contains("start over"), unfinished);
        assertEquals(
                0,
                Console.prepare("--input", input, "--output", output, "--overwrite")
                        .exitCode());
        assertEquals(before.get("manifest.json"), digests(output).get("manifest.json"));
        assertEquals(before.keySet(), digests(output).keySet());

        Files.writeString(output.resolve("thesis.tex"), "years of work");
        String foreign = Console.prepare("--input", input, "--output", output, "--overwrite")
                .mistake();
        assertTrue(foreign.contains("thesis.tex"), foreign);
        assertTrue(Files.exists(output.resolve("manifest.json")));
    }

    @Test
    void shouldRejectOutputThatCannotBeWrittenOrOverlapsTheInput() throws IOException {
        videos.good(input.resolve("a.gif"), 2, 16, 16);
        Path file = Files.writeString(folder.resolve("file"), "in the way");
        assertTrue(Console.prepare("--input", input, "--output", file).mistake().contains("is a file"));
        String below = Console.prepare("--input", input, "--output", file.resolve("data"))
                .mistake();
        assertTrue(below.contains("cannot write to --output " + file.resolve("data")), below);
        assertTrue(Console.prepare("--input", input, "--output", input.resolve("data"))
                .mistake()
                .contains("overlap"));
        assertTrue(
                Console.prepare("--input", input, "--output", folder).mistake().contains("overlap"));
    }

    @Test
    void shouldRejectFlagsThatMakeNoSense() {
        Map<List<String>, String> expected = Map.of(
                List.of("--max-pixel", "9"), "did you mean --max-pixels?",
                List.of("--max-pixels", "63"), "less than the 64 pixels of one patch",
                List.of("--fps", "0"), "--fps 0 is not a frame rate",
                List.of("--clip-seconds", "-1"), "--clip-seconds -1.0 is not a length",
                List.of("--patch", "8x8"), "'8x8' is not FRAMESxHEIGHTxWIDTH",
                List.of("--timeout-seconds", "0"), "--timeout-seconds 0",
                List.of("--input", "x"), "--output is missing");
        expected.forEach((flags, words) -> {
            Object[] args = Stream.concat(
                            flags.stream(),
                            flags.contains("--input")
                                    ? Stream.of()
                                    : Stream.of("--input", input.toString(), "--output", output.toString()))
                    .toArray();
            String mistake = Console.prepare(args).mistake();
            assertTrue(mistake.contains(words), mistake);
        });
    }

    @Test
    void shouldRepeatAPreparationFromItsArgs() throws IOException {
        videos.good(input.resolve("a.gif"), 8, 32, 48);
        assertEquals(
                0,
                Console.prepare("--input", input, "--output", output, "--max-pixels", 800, "--patch", "1x4x4")
                        .exitCode());
        Map<String, String> once = digests(output);
        assertEquals(
                0,
                Console.prepare("@" + output.resolve("prepare.args"), "--overwrite")
                        .exitCode());
        once.remove("prepare.args");
        Map<String, String> twice = digests(output);
        twice.remove("prepare.args");
        assertEquals(once, twice);
    }

    @Test
    void shouldShowWhatIsInADataset() throws IOException {
        videos.good(input.resolve("a.mp4"), 12, 32, 48);
        videos.good(input.resolve("b.gif"), 4, 48, 32);
        Files.writeString(input.resolve("a.txt"), "four quarters");
        assertEquals(0, Console.prepare("--input", input, "--output", output).exitCode());
        Path sheet = folder.resolve("sheet.png");
        Console console = Console.prepare("inspect", output, "--contact-sheet", sheet);
        assertEquals(0, console.exitCode(), console.stderr());
        for (String words : List.of(
                "2 clips of 2 files, 16 frames",
                "tokens of 2x8x8: 192 in all; a clip has 48 at least, 144 in the middle, 144 at most",
                "12 frames of   48 x   32",
                "captions: 1 of 2 clips have one",
                "a.mp4#0: four quarters")) {
            assertTrue(console.stdout().contains(words), console.stdout());
        }
        int pixel = ImageIO.read(sheet.toFile()).getRGB(40, 60);
        assertTrue((pixel >> 16 & 0xff) > 180 && (pixel & 0xff) < 90, "not red: " + Integer.toHexString(pixel));
        assertFalse(Console.prepare("inspect", output, "--patch", "1x16x16")
                .stdout()
                .contains("2x8x8: "));
        assertTrue(Console.prepare("inspect", input).mistake().contains("is not a data set"));
        assertTrue(Console.prepare("inspect").mistake().contains("one folder"));
    }

    private static String size(Clip clip) {
        return clip.height() + "x" + clip.width() + "x" + clip.numFrames();
    }

    private Map<String, JsonNode> quarantine() throws IOException {
        Map<String, JsonNode> bySource = new HashMap<>();
        for (String line : Files.readAllLines(output.resolve("quarantine.jsonl"))) {
            JsonNode entry = new JsonMapper().readTree(line);
            bySource.put(entry.get("source").asText(), entry);
        }
        return bySource;
    }

    private void assertReason(Map<String, JsonNode> quarantine, String source, String stage, String words)
            throws IOException {
        JsonNode entry = quarantine.get(source);
        assertEquals(stage, entry.get("stage").asText(), entry.toString());
        assertTrue(entry.get("reason").asText().contains(words), entry.toString());
        assertEquals(
                Sha256.of(Files.readAllBytes(input.resolve(source))),
                entry.get("sha256").asText());
    }

    private static Map<String, String> digests(Path root) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                // The flags tell where the input lay and on what it ran; nothing else does.
                boolean isArgs = file.endsWith("prepare.args");
                digests.put(root.relativize(file).toString(), isArgs ? "" : Sha256.of(Files.readAllBytes(file)));
            }
        }
        return digests;
    }
}
