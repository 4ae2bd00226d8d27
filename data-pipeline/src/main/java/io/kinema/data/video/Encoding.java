package io.kinema.data.video;

import io.kinema.data.command.ConfigException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How to encode one kind of file.
 *
 * @param muxer ffmpeg's name of the container
 * @param encoders possible encoders, best first
 * @param filter ffmpeg's filter graph from rgb24 to the encoder's input
 * @param options further output options
 * @param sideMultiple height and width must be multiples of it: chroma has half their size
 */
record Encoding(String muxer, List<String> encoders, String filter, List<String> options, int sideMultiple) {
    /** Both sides name the matrix: without it players guess from the picture's size. */
    private static final String YUV = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";

    private static final List<String> BT709 =
            List.of("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709");

    private static final Map<String, Encoding> BY_EXTENSION = Map.of(
            "mp4", new Encoding("mp4", List.of("libx264", "libopenh264", "mpeg4"), YUV, BT709, 2),
            "mov", new Encoding("mov", List.of("mpeg4"), YUV, BT709, 2),
            "webm", new Encoding("webm", List.of("libvpx-vp9", "libvpx"), YUV, BT709, 2),
            "gif",
                    new Encoding(
                            "gif",
                            List.of("gif"),
                            "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=5",
                            List.of(),
                            1),
            "png",
                    new Encoding(
                            "image2", List.of("png"), "format=rgb24", List.of("-frames:v", "1", "-update", "1"), 1));

    static Encoding of(Path file) {
        String name = file.getFileName().toString();
        String extension = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
        Encoding encoding = BY_EXTENSION.get(extension);
        if (encoding == null) {
            throw new ConfigException("cannot write " + file + ": the extension '" + extension + "' is not one of "
                    + BY_EXTENSION.keySet().stream().sorted().toList());
        }
        return encoding;
    }

    /**
     * Options that make the codec's artefacts negligible. OpenH264 ends on small noisy pictures when it has more bits
     * than it can spend: then fewer bits, and at last a fixed quantiser, are tried in turn.
     */
    static List<List<String>> qualities(String encoder, double pixelsPerSecond) {
        List<String> best = quality(encoder, pixelsPerSecond);
        return encoder.equals("libopenh264")
                ? List.of(
                        best,
                        List.of("-b:v", Long.toString(Math.max(1, Math.round(4 * pixelsPerSecond)))),
                        List.of("-rc_mode", "off"))
                : List.of(best);
    }

    private static List<String> quality(String encoder, double pixelsPerSecond) {
        return switch (encoder) {
            case "libx264" -> List.of("-crf", "16", "-preset", "medium");
            case "libvpx-vp9" -> List.of("-crf", "16", "-b:v", "0", "-deadline", "good", "-cpu-used", "5");
            case "libvpx" -> List.of("-crf", "8", "-b:v", bitsPerSecond(pixelsPerSecond), "-deadline", "good");
            case "libopenh264" -> List.of("-b:v", bitsPerSecond(pixelsPerSecond));
            case "mpeg4" -> List.of("-q:v", "2");
            default -> List.of();
        };
    }

    private static String bitsPerSecond(double pixelsPerSecond) {
        return Long.toString(Math.max(1_000_000, Math.round(0.5 * pixelsPerSecond)));
    }
}
