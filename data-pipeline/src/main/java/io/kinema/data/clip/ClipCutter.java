package io.kinema.data.clip;

import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Measurements;
import io.kinema.data.storage.Folder;
import io.kinema.data.video.Ffmpeg;
import io.kinema.data.video.FrameStream;
import io.kinema.data.video.SourceProbe;
import io.kinema.data.video.UnusableSourceException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;

/** Cuts sources into clips, end to end from the first frame to the last, at the size and rate of the settings. */
public final class ClipCutter {
    /** A larger clip is a mistake in the settings. */
    private static final long MAX_CLIP_BYTES = 1 << 30;

    private final Ffmpeg ffmpeg;
    private final Folder input;
    private final CutSettings settings;

    /** Receives clips as they are cut. */
    @FunctionalInterface
    public interface Sink {
        /**
         * Receives one clip.
         *
         * @param clip the clip, which the sink may keep
         * @throws IOException if it cannot be written
         */
        void accept(Clip clip) throws IOException;
    }

    /**
     * Sets up cutting.
     *
     * @param ffmpeg the decoder
     * @param input the sources' folder
     * @param settings how to cut
     */
    public ClipCutter(Ffmpeg ffmpeg, Folder input, CutSettings settings) {
        this.ffmpeg = ffmpeg;
        this.input = input;
        this.settings = settings;
    }

    /**
     * Cuts one source.
     *
     * @param source the source
     * @param file the source's bytes, as a local file
     * @param sha256 their digest, in hex
     * @param sink receives the clips; after an exception the received clips must not be used
     * @throws UnusableSourceException if the source cannot be used as a whole
     * @throws IOException if decoding cannot be started, or the sink fails
     */
    public void cut(Source source, Path file, String sha256, Sink sink) throws IOException {
        if (source.bytes() == 0) {
            throw new UnusableSourceException("probe", "the file is empty");
        }
        Sidecars said = Sidecars.read(input, source);
        SourceProbe probe = ffmpeg.probe(file);
        FrameSize size =
                FrameSize.fit(probe.displayHeight(), probe.displayWidth(), settings.patch(), settings.maxPixels());
        Builder clips = new Builder(source, sha256, said, size);
        boolean timeless = probe.frameRateHz() == 0;
        if (probe.image() || timeless && probe.maybeImage()) {
            cutImage(file, clips, sink);
        } else if (timeless) {
            throw new UnusableSourceException("probe", "no frame rate");
        } else {
            cutVideo(file, probe, clips, sink);
        }
    }

    private void cutImage(Path file, Builder clips, Sink sink) throws IOException {
        byte[] frame = new byte[clips.frameBytes()];
        try (FrameStream stream = ffmpeg.decode(file, "", clips.size.height(), clips.size.width())) {
            if (stream.read(frame, 1) == 0) {
                throw new UnusableSourceException("decode", "no frame can be decoded");
            }
        }
        sink.accept(clips.image(frame));
    }

    private void cutVideo(Path file, SourceProbe probe, Builder clips, Sink sink) throws IOException {
        boolean isNative = settings.fps().equals(CutSettings.NATIVE);
        String rate = isNative ? probe.frameRate() : settings.fps();
        double rateHz = isNative ? probe.frameRateHz() : Double.parseDouble(settings.fps());
        int perPatch = settings.patch().frames();
        long wanted = Math.max(perPatch, (long) (settings.clipSeconds() * rateHz + 1e-6) / perPatch * perPatch);
        if (wanted * clips.frameBytes() > MAX_CLIP_BYTES) {
            throw new UnusableSourceException(
                    "cut",
                    "a clip of " + wanted + " frames of " + clips.size.height() + "x" + clips.size.width()
                            + " exceeds 1 GiB; lower --max-pixels or --clip-seconds");
        }
        int framesPerClip = (int) wanted;
        int numSeen = 0;
        try (FrameStream stream = ffmpeg.decode(file, rate, clips.size.height(), clips.size.width())) {
            int numRead = framesPerClip;
            while (numRead == framesPerClip) {
                byte[] frames = new byte[framesPerClip * clips.frameBytes()];
                numRead = stream.read(frames, framesPerClip);
                int numKept = numRead / perPatch * perPatch;
                if (numKept > 0) {
                    byte[] kept =
                            numKept == framesPerClip ? frames : Arrays.copyOf(frames, numKept * clips.frameBytes());
                    sink.accept(clips.video(kept, numSeen, numKept, rateHz));
                } else if (numSeen == 0 && numRead == 1 && probe.maybeImage()) {
                    sink.accept(clips.image(Arrays.copyOf(frames, clips.frameBytes())));
                    return;
                }
                numSeen += numRead;
            }
        }
        if (numSeen < perPatch) {
            throw new UnusableSourceException(
                    "cut", "too short: " + numSeen + " frames at " + rate + " Hz, a patch takes " + perPatch);
        }
    }

    /** Makes the clips of one source. */
    private static final class Builder {
        private final Source source;
        private final String sha256;
        private final Sidecars said;
        private final FrameSize size;
        private int clipIndex;

        Builder(Source source, String sha256, Sidecars said, FrameSize size) {
            this.source = source;
            this.sha256 = sha256;
            this.said = said;
            this.size = size;
        }

        int frameBytes() {
            return Math.multiplyExact(3 * size.height(), size.width());
        }

        Clip image(byte[] frame) {
            return clip(frame, 0, 0, 0, 1);
        }

        Clip video(byte[] frames, int firstFrame, int numFrames, double rateHz) {
            return clip(frames, firstFrame / rateHz, (firstFrame + numFrames) / rateHz, rateHz, numFrames);
        }

        private Clip clip(byte[] frames, double startSeconds, double endSeconds, double rateHz, int numFrames) {
            return new Clip(
                    source.path() + "#" + clipIndex++,
                    uri(source.path()),
                    sha256,
                    startSeconds,
                    endSeconds,
                    rateHz,
                    numFrames,
                    size.height(),
                    size.width(),
                    frames,
                    said.captions(),
                    said.licence(),
                    Measurements.of(frames, numFrames));
        }

        private static String uri(String path) {
            try {
                // Other constructors read a colon in the first name as the end of a scheme.
                return new URI("file", "", "/" + path, null).getRawPath().substring(1);
            } catch (URISyntaxException e) {
                throw new IllegalStateException("every path can be encoded: " + path, e);
            }
        }
    }
}
