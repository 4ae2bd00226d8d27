package io.kinema.recaption.show;

import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.FramePicture;
import java.awt.image.BufferedImage;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * An HTML file that shows clips with their captions and needs no other file.
 *
 * <p>Layout: {@link PageTemplate} with two kinds of {@code <script type="application/json">} in it.
 * {@code id="frames-N"} has the frames of clip N: an array of JPEG files in base64, which the browser decodes when the
 * clip is shown. {@code id="data"}, after them, is a {@link Data} with everything else. Texts of the data set are in
 * these scripts only. Characters that mean something in HTML are escaped there by their numbers.
 */
final class CaptionPage implements AutoCloseable {
    private static final ObjectMapper JSON = JsonMapper.builder(
                    new JsonFactoryBuilder().characterEscapes(new HtmlEscapes()).build())
            .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)
            .build();

    private final OutputStream out;
    private final Pictures pictures;
    private final PageTemplate template;
    private final List<ShownClip> clips = new ArrayList<>();

    /**
     * Limits of the shown frames.
     *
     * @param numFrames the most frames of a clip
     * @param maxSide the most pixels of a frame's longer side
     */
    record Pictures(int numFrames, int maxSide) {}

    /**
     * A clip without its frames, as the page reads it.
     *
     * @param frameIndices indices of the shown frames
     * @param pictureWidth pixels of a shown frame
     * @param pictureHeight pixels of a shown frame
     * @param captions all captions; captions of the source come first
     */
    record ShownClip(
            String id,
            int[] sizeTHW,
            double frameRateHz,
            String licence,
            int[] frameIndices,
            int pictureWidth,
            int pictureHeight,
            List<Caption> captions) {}

    /**
     * The data set, as the page reads it.
     *
     * @param location the data set's folder
     * @param framesFrom the folder of its frames; empty if it has its own frames
     * @param numClips number of clips of the data set, shown or not
     * @param madeWith the settings that frames and captions depend on
     */
    record Data(
            String location,
            String sha256,
            String framesFrom,
            int numClips,
            Map<String, String> madeWith,
            List<ShownClip> clips) {}

    /** Begins a page. Closing the page also closes {@code out}. */
    CaptionPage(OutputStream out, Pictures pictures) throws IOException {
        this.out = new BufferedOutputStream(out, 1 << 16);
        this.pictures = pictures;
        this.template = PageTemplate.load();
        write(template.beforeData());
    }

    /** Whether a file is such a page, of any version of Kinema. */
    static boolean isOne(Path file) throws IOException {
        byte[] mark = PageTemplate.MARK.getBytes(StandardCharsets.UTF_8);
        try (InputStream in = Files.newInputStream(file)) {
            return Arrays.equals(mark, in.readNBytes(mark.length));
        }
    }

    /** Adds a clip. Its captions stay in memory, its frames are written at once. */
    void add(Clip clip) throws IOException {
        int[] frameIndices = FramePicture.firstToLast(clip.numFrames(), pictures.numFrames());
        List<byte[]> jpegs = new ArrayList<>();
        BufferedImage picture = null;
        for (int frameIndex : frameIndices) {
            picture = Jpeg.shrunk(FramePicture.of(clip, frameIndex), pictures.maxSide());
            jpegs.add(Jpeg.encode(picture));
        }
        writeJson("frames-" + clips.size(), jpegs);
        List<Caption> captions = new ArrayList<>(clip.captions());
        captions.sort(Comparator.comparing(caption -> !caption.style().equals(Caption.ORIGINAL)));
        clips.add(new ShownClip(
                clip.id(),
                new int[] {clip.numFrames(), clip.height(), clip.width()},
                clip.frameRateHz(),
                clip.licence(),
                frameIndices,
                picture == null ? 0 : picture.getWidth(),
                picture == null ? 0 : picture.getHeight(),
                captions));
    }

    /** Writes the rest. Without it the page is not complete. */
    void finish(Dataset data, String location) throws IOException {
        writeJson(
                "data",
                new Data(
                        location,
                        data.sha256(),
                        data.manifest().framesFrom(),
                        data.clips().size(),
                        data.manifest().preparedWith(),
                        clips));
        write(template.afterData());
    }

    private void writeJson(String id, Object value) throws IOException {
        write("<script type=\"application/json\" id=\"" + id + "\">");
        JSON.writeValue(out, value);
        write("</script>\n");
    }

    private void write(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    /** Escapes JSON so that an HTML parser sees no tag, comment or entity in it. */
    private static final class HtmlEscapes extends CharacterEscapes {
        private static final String SPECIAL = "<>&";

        private final int[] ascii = standardAsciiEscapesForJSON();

        HtmlEscapes() {
            SPECIAL.chars().forEach(c -> ascii[c] = ESCAPE_CUSTOM);
        }

        @Override
        public int[] getEscapeCodesForAscii() {
            return ascii;
        }

        @Override
        public SerializableString getEscapeSequence(int c) {
            return new SerializedString(String.format("\\u%04x", c));
        }
    }
}
