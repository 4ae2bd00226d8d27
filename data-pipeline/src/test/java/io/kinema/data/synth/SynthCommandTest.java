package io.kinema.data.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import io.kinema.data.video.Ffmpeg;
import io.kinema.data.video.SourceProbe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SynthCommandTest {
    @TempDir
    Path folder;

    @Test
    void shouldMakeTheSameVideoForASeedAndNumberHoweverManyAreMade() throws IOException {
        Path few = folder.resolve("few");
        Path more = folder.resolve("more");
        Path other = folder.resolve("other");
        SynthCommand.run("--output", few.toString(), "--clips", "4", "--seed", "3");
        SynthCommand.run("--output", more.toString(), "--clips", "6", "--seed", "3");
        SynthCommand.run("--output", other.toString(), "--clips", "4", "--seed", "4");
        Map<String, String> made = digests(few);
        assertEquals(8, made.size());
        assertEquals(12, digests(more).size());
        assertTrue(digests(more).entrySet().containsAll(made.entrySet()));
        digests(other).forEach((name, digest) -> assertFalse(digest.equals(made.get(name)), name));
    }

    @Test
    void shouldEncodeWhatTheSceneSays() throws IOException {
        SynthCommand.run("--output", folder.resolve("v").toString(), "--clips", "5");
        Ffmpeg ffmpeg = Ffmpeg.locate("", 60);
        for (int i = 0; i < 5; i++) {
            Scene scene = Scene.of(7, i, Scene.MAX_SHAPES);
            Path file = folder.resolve("v").resolve(String.format("clip-%05d.%s", i, scene.extension()));
            SourceProbe probe = ffmpeg.probe(file);
            assertEquals(scene.height(), probe.displayHeight());
            assertEquals(scene.width(), probe.displayWidth());
            assertEquals(scene.frameRateHz(), probe.frameRateHz(), 0.05 * scene.frameRateHz());
            JsonNode captions = new JsonMapper()
                    .readTree(Files.readString(Path.of(file.toString().replaceFirst("\\.\\w+$", ".json"))))
                    .get("captions");
            assertEquals(3, captions.size());
            assertEquals(scene.caption(), captions.get(0).asText());
            assertEquals(scene.shortCaption(), captions.get(1).asText());
            assertEquals(scene.detailedCaption(), captions.get(2).asText());
        }
    }

    @Test
    void shouldLeaveOutCaptionsAndKeepTheVideos() throws IOException {
        Path all = folder.resolve("all");
        Path sparse = folder.resolve("sparse");
        SynthCommand.run("--output", all.toString(), "--clips", "8");
        SynthCommand.run(
                "--output", sparse.toString(), "--clips", "8", "--captions", "detailed,short", "--captioned", "0.5");
        Map<String, String> kept = digests(sparse);
        int captioned = 0;
        for (int i = 0; i < 8; i++) {
            String name = String.format("clip-%05d", i);
            Scene scene = Scene.of(7, i, Scene.MAX_SHAPES);
            String video = name + "." + scene.extension();
            assertEquals(digests(all).get(video), kept.get(video));
            Path captions = sparse.resolve(name + ".json");
            assertEquals(Scene.isCaptioned(7, i, 0.5), Files.exists(captions));
            if (Files.exists(captions)) {
                captioned++;
                JsonNode texts =
                        new JsonMapper().readTree(Files.readString(captions)).get("captions");
                assertEquals(2, texts.size());
                assertEquals(scene.detailedCaption(), texts.get(0).asText());
                assertEquals(scene.shortCaption(), texts.get(1).asText());
            }
        }
        assertTrue(captioned > 0 && captioned < 8, captioned + " of 8");
        assertEquals(8 + captioned, kept.size());
    }

    @Test
    void shouldDrawEveryKindOfScene() {
        Set<Object> seen = new HashSet<>();
        for (int i = 0; i < 200; i++) {
            Scene scene = Scene.of(1, i, Scene.MAX_SHAPES);
            seen.add(scene.shape());
            seen.add(scene.numShapes());
            seen.add(scene.motion());
            seen.add(scene.backdrop());
            seen.add(scene.colour());
            seen.add(scene.extension());
            seen.add(scene.width() + "x" + scene.height());
            double seconds = scene.numFrames() / (double) scene.frameRateHz();
            assertTrue(seconds > 0.9 && seconds < 6.1, scene.toString());
            assertTrue(scene.caption().matches("(an?|two|three) [a-z ]+ over [a-z ]+"), scene.caption());
        }
        int kinds = Scene.Shape.values().length
                + Scene.Motion.values().length
                + Scene.Backdrop.values().length
                + Scene.Colour.values().length;
        assertEquals(kinds + Scene.MAX_SHAPES + 4 + 5, seen.size());
    }

    @Test
    void shouldPaintTheColoursThatTheCaptionNames() {
        for (int i = 0; i < 40; i++) {
            Scene scene = Scene.of(1, i, Scene.MAX_SHAPES);
            byte[] frames = SceneRenderer.render(scene);
            assertEquals(3 * scene.numFrames() * scene.height() * scene.width(), frames.length);
            assertTrue(share(scene, frames, 0, scene.colour()) > 0.004, scene.toString());
            assertTrue(share(scene, frames, scene.numFrames() - 1, scene.laterColour()) > 0.004, scene.toString());
            if (scene.backdrop() != Scene.Backdrop.GRADIENT) {
                assertTrue(share(scene, frames, 0, scene.backColour()) > 0.2, scene.toString());
            }
        }
    }

    @Test
    void shouldMoveTheWayTheCaptionSays() {
        for (int i = 0; i < 60; i++) {
            Scene scene = Scene.of(2, i, Scene.MAX_SHAPES);
            byte[] frames = SceneRenderer.render(scene);
            double[] from = centre(scene, frames, 0);
            double[] to = centre(scene, frames, scene.numFrames() - 1);
            switch (scene.motion()) {
                case RIGHT -> assertTrue(to[0] > from[0] + 20, scene.toString());
                case LEFT -> assertTrue(to[0] < from[0] - 20, scene.toString());
                case DOWN -> assertTrue(to[1] > from[1] + 20, scene.toString());
                case UP -> assertTrue(to[1] < from[1] - 20, scene.toString());
                case GROW -> assertTrue(to[2] > 3 * from[2], scene.toString());
                case SHRINK -> assertTrue(from[2] > 3 * to[2], scene.toString());
                case STILL -> assertEquals(from[2], to[2]);
                default -> assertTrue(from[2] > 0);
            }
        }
    }

    @Test
    void shouldDrawAsManyShapesAsTheSceneHas() {
        for (int i = 0; i < 60; i++) {
            Scene scene = Scene.of(9, i, Scene.MAX_SHAPES);
            byte[] frames = SceneRenderer.render(scene);
            assertEquals(scene.numShapes(), numPieces(scene, frames), scene.toString());
        }
    }

    /** Pieces of the shapes' colour in the first frame that hang together and are more than specks. */
    private static int numPieces(Scene scene, byte[] frames) {
        boolean[] seen = new boolean[scene.height() * scene.width()];
        int numPieces = 0;
        for (int start = 0; start < seen.length; start++) {
            int size = 0;
            ArrayDeque<Integer> places = new ArrayDeque<>(List.of(start));
            while (!places.isEmpty()) {
                int place = places.pop();
                int row = place / scene.width();
                int column = place % scene.width();
                if (seen[place] || !isShape(scene, frames, place)) {
                    continue;
                }
                seen[place] = true;
                size++;
                if (row > 0) {
                    places.push(place - scene.width());
                }
                if (row + 1 < scene.height()) {
                    places.push(place + scene.width());
                }
                if (column > 0) {
                    places.push(place - 1);
                }
                if (column + 1 < scene.width()) {
                    places.push(place + 1);
                }
            }
            numPieces += size > 6 ? 1 : 0;
        }
        return numPieces;
    }

    private static boolean isShape(Scene scene, byte[] frames, int place) {
        int at = 3 * place;
        int rgb = (frames[at] & 0xff) << 16 | (frames[at + 1] & 0xff) << 8 | frames[at + 2] & 0xff;
        return rgb == scene.colour().rgb;
    }

    @Test
    void shouldNotReplaceWhatIsThereUnlessAskedTo() throws IOException {
        Path out = folder.resolve("v");
        SynthCommand.run("--output", out.toString(), "--clips", "2");
        ConfigException full =
                assertThrows(ConfigException.class, () -> SynthCommand.run("--output", out.toString(), "--clips", "1"));
        assertTrue(full.getMessage().contains("--overwrite"), full.getMessage());
        SynthCommand.run("--output", out.toString(), "--clips", "1", "--overwrite");
        assertEquals(Set.of("clip-00000.mp4", "clip-00000.json"), digests(out).keySet());
        Files.writeString(out.resolve("notes.md"), "mine");
        ConfigException foreign =
                assertThrows(ConfigException.class, () -> SynthCommand.run("--output", out.toString(), "--overwrite"));
        assertTrue(foreign.getMessage().contains("notes.md"), foreign.getMessage());
        Path file = out.resolve("notes.md");
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", file.toString()));
        assertThrows(
                ConfigException.class,
                () -> SynthCommand.run("--output", file.resolve("v").toString()));
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", "hdfs://somewhere/v"));
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", folder + "/w", "--clips", "0"));
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", folder + "/w", "--captioned", "1.5"));
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", folder + "/w", "--captions", "long"));
        assertThrows(
                ConfigException.class, () -> SynthCommand.run("--output", folder + "/w", "--captions", "short,short"));
        assertThrows(ConfigException.class, () -> SynthCommand.run("--output", folder + "/w", "--max-shapes", "4"));
    }

    private static double share(Scene scene, byte[] frames, int frameIndex, Scene.Colour colour) {
        return centre(scene, frames, frameIndex, colour)[2] / (scene.height() * scene.width());
    }

    private static double[] centre(Scene scene, byte[] frames, int frameIndex) {
        return centre(scene, frames, frameIndex, frameIndex == 0 ? scene.colour() : scene.laterColour());
    }

    /** Mean column and row of the pixels of a colour, and how many there are. */
    private static double[] centre(Scene scene, byte[] frames, int frameIndex, Scene.Colour colour) {
        double columns = 0;
        double rows = 0;
        int count = 0;
        int at = 3 * frameIndex * scene.height() * scene.width();
        for (int row = 0; row < scene.height(); row++) {
            for (int column = 0; column < scene.width(); column++, at += 3) {
                int rgb = (frames[at] & 0xff) << 16 | (frames[at + 1] & 0xff) << 8 | frames[at + 2] & 0xff;
                if (rgb == colour.rgb) {
                    columns += column;
                    rows += row;
                    count++;
                }
            }
        }
        return new double[] {columns / count, rows / count, count};
    }

    private static Map<String, String> digests(Path root) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        try (Stream<Path> files = Files.list(root)) {
            for (Path file : files.toList()) {
                digests.put(file.getFileName().toString(), Sha256.of(Files.readAllBytes(file)));
            }
        }
        return digests;
    }
}
