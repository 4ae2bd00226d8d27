package io.kinema.recaption.captioner.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Clip;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Set;

/**
 * The encoder of a model: {@code pixel_values} [1, 3, H, W] to {@code last_hidden_state} [1, P, D], P places of the
 * frame.
 */
final class OnnxEncoder implements AutoCloseable {
    private static final String PIXELS = "pixel_values";
    private static final String HIDDEN = "last_hidden_state";
    private static final int CHANNELS = 3;
    private static final int RANK = 4;

    private final OnnxGraph graph;
    private final FramePreparation preparation;
    private final int numFrames;

    private OnnxEncoder(OnnxGraph graph, FramePreparation preparation, int numFrames) {
        this.graph = graph;
        this.preparation = preparation;
        this.numFrames = numFrames;
    }

    /**
     * An encoded clip.
     *
     * @param numPlaces P, of all frames together
     * @param width D
     * @param valuesPD the places of the first frame, then of the later frames; a direct buffer
     */
    record EncodedClip(int numPlaces, int width, FloatBuffer valuesPD) {}

    static OnnxEncoder open(OnnxFolder folder, int numFrames) throws IOException {
        FramePreparation preparation = FramePreparation.read(folder);
        OnnxGraph graph = OnnxGraph.open(folder.file(OnnxFolder.ENCODER));
        try {
            OnnxEncoder encoder = new OnnxEncoder(graph, preparation, numFrames);
            encoder.check();
            return encoder;
        } catch (RuntimeException e) {
            graph.close();
            throw e;
        }
    }

    private void check() {
        graph.expectInputs(Set.of(PIXELS));
        long[] pixels = graph.input(PIXELS, OnnxJavaType.FLOAT, RANK);
        PictureSize size = preparation.fixedSize();
        boolean channelsFit = pixels[1] <= 0 || pixels[1] == CHANNELS;
        boolean heightFits = pixels[2] <= 0 || size.height() == 0 || pixels[2] == size.height();
        boolean widthFits = pixels[3] <= 0 || size.width() == 0 || pixels[3] == size.width();
        if (!channelsFit || !heightFits || !widthFits) {
            throw new ConfigException(graph.file() + " takes " + pixels[1] + " channels of " + pixels[2] + "x"
                    + pixels[3] + ", and " + OnnxFolder.PREPROCESSOR + " makes " + CHANNELS + " of " + size
                    + "; correct its size, or export the model again: " + OnnxFolder.REMEDY);
        }
        graph.output(HIDDEN, 3);
    }

    /** D as the graph declares it; below 0 if it varies. */
    long width() {
        return graph.output(HIDDEN, 3)[2];
    }

    /** P of all frames of a clip as the graph declares it; below 0 if it varies. */
    long numPlaces() {
        return graph.output(HIDDEN, 3)[1] * numFrames;
    }

    /**
     * Encodes a clip. The clip is cut into as many equal parts as there are frames to see, and the middle frame of each
     * part is seen. A short clip's frame may be in the middle of several parts; it is then seen as often.
     */
    EncodedClip see(Clip clip) {
        FloatBuffer valuesPD = FloatBuffer.allocate(0);
        OnnxGraph.Values last = new OnnxGraph.Values(new long[0], valuesPD);
        int lastIndex = -1;
        for (int i = 0; i < numFrames; i++) {
            int index = (int) ((2L * i + 1) * clip.numFrames() / (2L * numFrames));
            if (index != lastIndex) {
                last = encode(preparation.of(clip, index));
                lastIndex = index;
            }
            if (i == 0) {
                valuesPD = direct((long) last.values().capacity() * numFrames);
            }
            if (valuesPD.remaining() < last.values().capacity()) {
                throw new IllegalStateException(graph.file() + " makes more of one frame than of another");
            }
            valuesPD.put(last.values().duplicate().rewind());
        }
        return new EncodedClip(
                Math.toIntExact(last.shape()[1] * numFrames), Math.toIntExact(last.shape()[2]), valuesPD.flip());
    }

    private OnnxGraph.Values encode(FramePreparation.Pixels pixels) {
        PictureSize size = pixels.size();
        try (OnnxTensor tensor =
                graph.tensor(FloatBuffer.wrap(pixels.valuesCHW()), 1, CHANNELS, size.height(), size.width())) {
            return graph.run(Map.of(PIXELS, tensor), HIDDEN);
        }
    }

    /** A buffer outside the heap, which the library reads without a copy. */
    static FloatBuffer direct(long numValues) {
        return ByteBuffer.allocateDirect(Math.toIntExact(numValues * Float.BYTES))
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
    }

    @Override
    public void close() {
        graph.close();
    }
}
