package io.kinema.recaption.show;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Caption;
import io.kinema.recaption.TinyData;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShowCommandTest {
    private static final List<String> NASTY = List.of(
            "</script><img src=x onerror=alert(1)>",
            "<!--<script> & &amp; &lt; ]]> \"quoted\" 'single' `back` \\ \\u003c",
            "lines\nof\r\ntext\tand\u0000\u0001\u007f\u0085\u2028\u2029 control",
            "日本語 \u202e right to left \u05e9\u05dc\u05d5\u05dd 🎬👩‍🚀 \ufffe\uffff\ufeff e\u0301",
            "",
            "${data} {data} {script} $1 \\1");

    @TempDir
    Path folder;

    private Path data;
    private Path page;

    @BeforeEach
    void write() throws IOException {
        data = folder.resolve("prepared");
        page = folder.resolve("page.html");
        TinyData clips = new TinyData(8, 16, 24);
        for (int i = 0; i < 10; i++) {
            clips.gradient("clip-" + i + ".mp4#0", 0xff0000, 0x0000ff, "original " + i);
        }
        clips.write(data);
    }

    private int show(Object... more) throws IOException {
        List<String> args = new ArrayList<>(List.of("--data", data.toString(), "--output", page.toString()));
        Stream.of(more).map(Object::toString).forEach(args::add);
        return ShowCommand.run(args.toArray(String[]::new));
    }

    private String mistake(Object... more) {
        String message = assertThrows(ConfigException.class, () -> show(more)).getMessage();
        assertFalse(message.contains("\n"), message);
        return message;
    }

    @Test
    void shouldHaveEveryClipWithItsFramesAndCaptions() throws IOException {
        assertEquals(0, show());
        JsonNode shown = Page.read(page).data();
        assertEquals(data.toString(), shown.get("location").asText());
        assertEquals(10, shown.get("numClips").asInt());
        assertEquals("2x8x8", shown.get("madeWith").get("patch").asText());
        for (int i = 0; i < 10; i++) {
            JsonNode clip = shown.get("clips").get(i);
            assertEquals("clip-" + i + ".mp4#0", clip.get("id").asText());
            assertEquals("[8,16,24]", clip.get("sizeTHW").toString());
            assertEquals(8, clip.get("frameRateHz").asDouble());
            assertEquals("[0,2,4,7]", clip.get("frameIndices").toString());
            assertEquals(
                    "[{\"text\":\"original " + i
                            + "\",\"origin\":\"txt\",\"style\":\"original\",\"model\":\"\","
                            + "\"promptHash\":\"\",\"confidence\":1.0}]",
                    clip.get("captions").toString());
            assertEquals(4, Page.read(page).json("frames-" + i).size());
        }
    }

    @Test
    void shouldAskNothingOfTheNetwork() throws IOException {
        show();
        String html = Page.read(page).html();
        assertTrue(html.contains("content=\"default-src 'none'; img-src data:; style-src 'sha256-"));
        assertFalse(html.contains("http://") || html.contains("https://") || html.contains("url("));
        assertFalse(html.contains("-digest}") || html.contains("<style>{") || html.contains("<script>{"));
    }

    @Test
    void shouldShowFramesInTheirColours() throws IOException {
        show("--frames", 2);
        BufferedImage frame = frame(0);
        assertEquals(24, frame.getWidth());
        assertEquals(16, frame.getHeight());
        assertTrue(new Color(frame.getRGB(0, 8)).getRed() > 200, "red at the left");
        assertTrue(new Color(frame.getRGB(23, 8)).getBlue() > 200, "blue at the right");
    }

    @Test
    void shouldShrinkFramesInTheirAspectRatio() throws IOException {
        data = folder.resolve("large");
        new TinyData(1, 96, 240).solid("a.png#0", 0x00ff00).write(data);
        show("--max-side", 50);
        BufferedImage frame = frame(0);
        assertEquals(50, frame.getWidth());
        assertEquals(20, frame.getHeight());
        JsonNode clip = Page.read(page).data().get("clips").get(0);
        assertEquals(50, clip.get("pictureWidth").asInt());
        assertEquals(20, clip.get("pictureHeight").asInt());
        assertTrue(new Color(frame.getRGB(25, 10)).getGreen() > 200, "green");
    }

    private BufferedImage frame(int clipIndex) throws IOException {
        byte[] jpeg = Page.read(page).json("frames-" + clipIndex).get(0).binaryValue();
        return ImageIO.read(new ByteArrayInputStream(jpeg));
    }

    @Test
    void shouldGiveBackEveryCharacterOfACaption() throws IOException {
        Path captioned = folder.resolve("captioned");
        TinyData.caption(
                data,
                captioned,
                clip -> NASTY.stream()
                        .map(text -> TinyData.written(text, text + "-style", 0.25))
                        .toList());
        data = captioned;
        show();
        Page read = Page.read(page);
        JsonNode captions = read.data().get("clips").get(3).get("captions");
        for (int i = 0; i < NASTY.size(); i++) {
            assertEquals(NASTY.get(i), captions.get(i + 1).get("text").asText());
            assertEquals(
                    NASTY.get(i) + "-style", captions.get(i + 1).get("style").asText());
        }
        assertEquals("../prepared", read.data().get("framesFrom").asText());
        assertFalse(read.html().contains("<img src=x"), "markup of a caption is markup of the page");
        assertFalse(read.html().contains("<!--<script>"), "a comment of a caption is one of the page");
    }

    @Test
    void shouldHaveOriginalCaptionsFirst() throws IOException {
        Path once = folder.resolve("once");
        TinyData.caption(
                data,
                once,
                clip -> List.of(
                        TinyData.written("one", "short", 0.5),
                        Caption.ofSource("late", "json"),
                        TinyData.written("two", "detailed", 0.5)));
        data = once;
        show("--clips", 1);
        List<String> texts = new ArrayList<>();
        Page.read(page)
                .data()
                .get("clips")
                .get(0)
                .get("captions")
                .forEach(caption -> texts.add(caption.get("text").asText()));
        assertEquals(List.of("original 0", "late", "one", "two"), texts);
    }

    @Test
    void shouldSpreadClipsEvenly() throws IOException {
        show("--clips", 3);
        JsonNode shown = Page.read(page).data();
        assertEquals(List.of("clip-0.mp4#0", "clip-3.mp4#0", "clip-6.mp4#0"), shown.findValuesAsText("id"));
        assertEquals(10, shown.get("numClips").asInt());
        show("--clips", 0);
        assertEquals(10, Page.read(page).data().get("clips").size());
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            numbers.add(i);
        }
        assertEquals(List.of(0, 142, 285, 428, 571, 714, 857), ShowCommand.spread(numbers, 7));
        assertEquals(List.of(), ShowCommand.spread(List.of(), 7));
    }

    @Test
    void shouldReplaceAPageButNothingElse() throws IOException {
        show("--clips", 1);
        show("--clips", 2);
        assertEquals(2, Page.read(page).data().get("clips").size());
        Files.writeString(page, "<!DOCTYPE html>\n<title>My thesis</title>");
        assertTrue(
                mistake().contains(page + " is there and is no page of captions; give another name, or --overwrite"));
        assertEquals("<!DOCTYPE html>\n<title>My thesis</title>", Files.readString(page));
        show("--overwrite");
        assertEquals(10, Page.read(page).data().get("clips").size());
        Files.write(page, new byte[0]);
        mistake();
    }

    @Test
    void shouldLeaveThePageAsItWasWhenTheDataSetIsDamaged() throws IOException {
        show();
        String before = Files.readString(page);
        Path shard = data.resolve("shards/shard-00000-00002.arrow");
        byte[] bytes = Files.readAllBytes(shard);
        bytes[bytes.length / 2] ^= 1;
        Files.write(shard, bytes);
        IOException e = assertThrows(IOException.class, this::show);
        assertTrue(e.getMessage().contains(shard + " is damaged"), e.getMessage());
        assertEquals(before, Files.readString(page));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(2, files.count(), "something is left beside the page");
        }
    }

    @Test
    void shouldTellEachMistakeInOneLine() throws IOException {
        assertTrue(mistake("--clips", -1).contains("--clips -1 is less than 0; give how many"));
        assertTrue(mistake("--frames", 0).contains("--frames 0 is less than 1; give how many"));
        assertTrue(mistake("--frames", 65).contains("--frames 65 is more than 64; give how many"));
        assertTrue(mistake("--max-side", 8).contains("--max-side 8 is less than 16; give how many"));
        assertTrue(mistake("--max-side", 4000).contains("--max-side 4000 is more than 2048; give how many"));
        assertTrue(mistake("--output", "page.txt").contains("--output page.txt does not end in .html; give"));
        Path gone = folder.resolve("gone/page.html");
        assertTrue(mistake("--output", gone).contains(gone.getParent() + " is not there; make it, or give"));
        Path inFile = Files.createFile(folder.resolve("file")).resolve("page.html");
        assertTrue(mistake("--output", inFile).contains(inFile.getParent() + " is not a folder; make it, or give"));
        Path isFolder = Files.createDirectory(folder.resolve("folder.html"));
        assertTrue(mistake("--output", isFolder).contains(isFolder + " is a folder; give the name of a page"));
        assertTrue(mistake("--overwrite", "--output", isFolder).contains("is a folder"));
        assertTrue(mistake("--data", folder.resolve("nowhere")).contains("no folder " + folder.resolve("nowhere")));
        assertTrue(mistake("--data", folder).contains("is not a data set"));
        assertTrue(mistake("--clip", 3).contains("did you mean --clips"));
        String missing = assertThrows(ConfigException.class, ShowCommand::run).getMessage();
        assertTrue(missing.contains("--data is missing"), missing);
        assertFalse(Files.exists(page));
    }

    @Test
    void shouldRefuseAFolderThatCannotBeWrittenTo() throws IOException {
        Path locked = Files.createDirectory(folder.resolve("locked"));
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeFalse(Files.isWritable(locked), "this user may write everywhere");
        assertTrue(mistake("--output", locked.resolve("page.html")).contains(locked + " cannot be written to; change"));
    }
}
