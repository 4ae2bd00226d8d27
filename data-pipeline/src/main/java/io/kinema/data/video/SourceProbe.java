package io.kinema.data.video;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * The shape and rate of a source's pictures, known before decoding.
 *
 * @param displayHeight rows as shown: after rotation, in units of square pixels
 * @param displayWidth columns as shown: after rotation, in units of square pixels
 * @param frameRate frames a second as ffmpeg's fraction, such as {@code 30000/1001}; {@code 0/0} without a rate
 * @param image whether the file is of a still image format
 * @param maybeImage whether a file of a single frame is a still image: a format of images or of animations
 */
public record SourceProbe(
        double displayHeight, double displayWidth, String frameRate, boolean image, boolean maybeImage) {
    /** A higher rate in a file is the resolution of a clock, not a rate of pictures. */
    private static final double MAX_FRAME_RATE_HZ = 1000;

    /** Rates that differ by less count as equal: containers round time stamps to milliseconds. */
    private static final double SAME_RATE = 0.01;

    /**
     * Reads ffprobe's JSON: streams, format and the first frame.
     *
     * @param ending the end of ffprobe, with its message for a file without pictures
     * @throws UnusableSourceException if the file has no pictures
     */
    static SourceProbe fromJson(String json, LimitedProcess.Ending ending) throws UnusableSourceException {
        JsonNode tree;
        try {
            tree = new JsonMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("ffprobe wrote what is not JSON: " + json, e);
        }
        JsonNode stream = tree.path("streams").path(0);
        if (stream.isMissingNode()) {
            throw new UnusableSourceException("probe", withWords("no video stream", ending));
        }
        JsonNode frame = tree.path("frames").path(0);
        double height = frame.path("height").asDouble();
        double width = frame.path("width").asDouble();
        if (frame.isMissingNode() || height <= 0 || width <= 0) {
            throw new UnusableSourceException("probe", withWords("no frame can be decoded", ending));
        }
        width *= aspect(frame.path("sample_aspect_ratio").asText(""), stream);
        String format = tree.path("format").path("format_name").asText("");
        boolean image = format.endsWith("_pipe") || format.equals("image2");
        boolean sideways = Math.abs(Math.abs(rotation(frame, stream)) % 180 - 90) < 1;
        return new SourceProbe(
                sideways ? width : height,
                sideways ? height : width,
                frameRate(
                        stream.path("avg_frame_rate").asText("0/0"),
                        stream.path("r_frame_rate").asText("0/0")),
                image,
                image || format.equals("gif") || format.equals("apng"));
    }

    private static String withWords(String what, LimitedProcess.Ending ending) {
        return ending.lastWords().isEmpty() ? what : Ffmpeg.reason(what, ending);
    }

    private static double aspect(String ofFrame, JsonNode stream) {
        double aspect = fraction(ofFrame);
        if (aspect == 0) {
            aspect = fraction(stream.path("sample_aspect_ratio").asText(""));
        }
        return aspect == 0 ? 1 : aspect;
    }

    /** Degrees, from the display matrix of the frame (JPEG's orientation) or of the stream (a phone's video). */
    private static double rotation(JsonNode frame, JsonNode stream) {
        for (JsonNode holder : new JsonNode[] {frame, stream}) {
            for (JsonNode sideData : holder.path("side_data_list")) {
                if (sideData.has("rotation")) {
                    return sideData.get("rotation").asDouble();
                }
            }
        }
        return 0;
    }

    /**
     * Chooses one rate for a source: its rate if constant, else the average.
     *
     * @param average frames over duration
     * @param base the lowest rate whose ticks meet every time stamp
     */
    static String frameRate(String average, String base) {
        double averageHz = fraction(average);
        double baseHz = fraction(base);
        boolean averageGood = averageHz > 0 && averageHz <= MAX_FRAME_RATE_HZ;
        boolean baseGood = baseHz > 0 && baseHz <= MAX_FRAME_RATE_HZ;
        if (averageGood && baseGood && Math.abs(averageHz / baseHz - 1) < SAME_RATE) {
            return base;
        }
        return averageGood ? average : baseGood ? base : "0/0";
    }

    /**
     * Returns the rate in frames a second.
     *
     * @return the rate; 0 without a rate
     */
    public double frameRateHz() {
        return fraction(frameRate);
    }

    /** The value of {@code a/b} or {@code a:b}; 0 if it has none. */
    private static double fraction(String text) {
        String[] parts = text.split("[/:]");
        if (parts.length != 2 || !parts[0].matches("\\d+") || !parts[1].matches("\\d+")) {
            return 0;
        }
        double denominator = Double.parseDouble(parts[1]);
        return denominator == 0 ? 0 : Double.parseDouble(parts[0]) / denominator;
    }
}
