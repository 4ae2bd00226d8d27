package io.kinema.data.shard;

import java.util.List;

/**
 * Consecutive frames of one source at their size for training, with captions and measurements. An image is a clip with
 * one frame.
 *
 * @param id unique within a data set: the source's path below the input folder, {@code #} and the clip's place in it
 * @param sourceUri the source, relative to the input folder and URI-encoded: a data set does not depend on the place of
 *     its input
 * @param sourceSha256 SHA-256 of the source file, in hex
 * @param startSeconds start of the clip in the source, in seconds from the first frame
 * @param endSeconds end of the clip, exclusive: {@code startSeconds + numFrames / frameRateHz}; equal to the start for
 *     an image
 * @param frameRateHz frames a second, constant within a clip; 0 for an image
 * @param numFrames T
 * @param height H, rows of a frame
 * @param width W, columns of a frame
 * @param framesTHWC uint8 RGB of all frames, {@code T·H·W·3} bytes; not copied, so treat it as read-only
 * @param captions descriptions of the clip; may be empty
 * @param licence licence of the source; empty if unknown
 * @param measurements of the pixels
 */
public record Clip(
        String id,
        String sourceUri,
        String sourceSha256,
        double startSeconds,
        double endSeconds,
        double frameRateHz,
        int numFrames,
        int height,
        int width,
        byte[] framesTHWC,
        List<Caption> captions,
        String licence,
        Measurements measurements) {
    /** Values of a pixel: red, green, blue. */
    public static final int CHANNELS = 3;

    /** Checks that the frames have the size that T, H and W say. */
    public Clip {
        long numValues = (long) CHANNELS * numFrames * height * width;
        if (framesTHWC.length != numValues) {
            throw new IllegalArgumentException("clip " + id + " of " + numFrames + "x" + height + "x" + width + " has "
                    + framesTHWC.length + " bytes of frames, not " + numValues);
        }
        captions = List.copyOf(captions);
    }

    Clip withCaptions(List<Caption> others) {
        return new Clip(
                id,
                sourceUri,
                sourceSha256,
                startSeconds,
                endSeconds,
                frameRateHz,
                numFrames,
                height,
                width,
                framesTHWC,
                others,
                licence,
                measurements);
    }
}
