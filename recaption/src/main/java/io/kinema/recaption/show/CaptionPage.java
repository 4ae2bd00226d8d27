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
 * An HTML file that shows clips with their captions and needs nothing besides itself.
 *
 * <p>Layout: {@link PageTemplate} with two kinds of {@code <script type="application/json">} in it.
 * {@code id="frames-N"} has the frames of clip N, an array of JPEG files in base64, which the browser takes apart when
 * the clip is looked at; {@code id="data"}, after them, is a {@link Data} with everything else. What the data set says
 * stands nowhere but in those. In them the characters that HTML gives a meaning to are written by their numbers, which
 * JSON reads back as what they were.
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
     * What is shown of a clip's frames.
     *
     * @param numFrames how many at most
     * @param maxSide pixels of the longer side at most
     */
    record Pictures(int numFrames, int maxSide) {}

    /**
     * A clip without its frames; the members are the page's.
     *
     * @param frameIndices which frames are shown
     * @param pictureWidth pixels of a shown frame
     * @param pictureHeight pixels of a shown frame
     * @param captions those that came with the source first
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
     * What the page is made from; the members are the page's.
     *
     * @param location the data set's folder
     * @param framesFrom where its frames lie if elsewhere, else empty
     * @param numClips how many clips the data set has, shown or not
     * @param madeWith the settings that frames and captions depend on
     */
    record Data(
            String location,
            String sha256,
            String framesFrom,
            int numClips,
            Map<String, String> madeWith,
            List<ShownClip> clips) {}

    /** Begins a page; it is written to {@code out}, which closing the page closes. */
    CaptionPage(OutputStream out, Pictures pictures) throws IOException {
        this.out = new BufferedOutputStream(out, 1 << 16);
        this.pictures = pictures;
        this.template = PageTemplate.load();
        write(template.beforeData());
    }

    /** Says whether a file is such a page, of this version of Kinema or another. */
    static boolean isOne(Path file) throws IOException {
        byte[] mark = PageTemplate.MARK.getBytes(StandardCharsets.UTF_8);
        try (InputStream in = Files.newInputStream(file)) {
            return Arrays.equals(mark, in.readNBytes(mark.length));
        }
    }

    /** Adds a clip; only its captions are held. */
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

    /** Writes what is left; the page is not one without. */
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

    /** JSON that an HTML parser, which looks for the end of the script in it, sees no tag, comment or entity in. */
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
