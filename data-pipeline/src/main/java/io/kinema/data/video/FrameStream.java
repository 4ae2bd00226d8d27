package io.kinema.data.video;

import java.io.IOException;

/** The frames of a source, in the order in which the decoder gives them. */
public final class FrameStream implements AutoCloseable {
    private final LimitedProcess decoder;
    private final int frameBytes;
    private final long timeoutMs;

    FrameStream(LimitedProcess decoder, int frameBytes, long timeoutMs) {
        this.decoder = decoder;
        this.frameBytes = frameBytes;
        this.timeoutMs = timeoutMs;
    }

    /**
     * Reads up to a number of frames.
     *
     * @param framesTHWC receives the frames: uint8 RGB, from the beginning
     * @param numFrames the most frames to read
     * @return number of frames; less than {@code numFrames} only at the end of a source without errors
     * @throws UnusableSourceException if decoding failed or took too long
     * @throws IOException if the decoder was stopped because the program ends
     */
    public int read(byte[] framesTHWC, int numFrames) throws IOException {
        int wanted = Math.multiplyExact(numFrames, frameBytes);
        int numRead = decoder.stdout().readNBytes(framesTHWC, 0, wanted);
        if (numRead < wanted) {
            checkEnding(numRead % frameBytes);
        }
        return numRead / frameBytes;
    }

    private void checkEnding(int strayBytes) throws IOException {
        LimitedProcess.Ending ending = decoder.await();
        if (ending.timedOut()) {
            throw new UnusableSourceException("decode", "decoding took longer than " + timeoutMs / 1000 + " s");
        }
        if (!ending.good() || strayBytes != 0) {
            throw new UnusableSourceException("decode", Ffmpeg.reason("decoding failed", ending));
        }
    }

    /** Stops the decoder if it still runs. */
    @Override
    public void close() throws IOException {
        decoder.close();
    }
}
