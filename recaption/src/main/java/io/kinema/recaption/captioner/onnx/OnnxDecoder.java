package io.kinema.recaption.captioner.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.NextToken;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The decoder of a model: {@code input_ids} [R, L] and {@code encoder_hidden_states} [R, P, D] to {@code logits} [R, L,
 * V], R texts of L tokens.
 */
final class OnnxDecoder implements AutoCloseable {
    private static final String TOKENS = "input_ids";
    private static final String HIDDEN = "encoder_hidden_states";
    private static final String MASK = "encoder_attention_mask";
    private static final String LOGITS = "logits";

    private final OnnxGraph graph;
    private final boolean takesMask;

    private OnnxDecoder(OnnxGraph graph) {
        this.graph = graph;
        this.takesMask = graph.hasInput(MASK);
    }

    /**
     * Loads the decoder of a model.
     *
     * @param folder the model's folder
     * @param encoder the encoder, whose output must fit the decoder's input
     * @param tokens tokens that the decoder must know
     */
    static OnnxDecoder open(OnnxFolder folder, OnnxEncoder encoder, OnnxTokens tokens) throws IOException {
        OnnxGraph graph = OnnxGraph.open(folder.file(OnnxFolder.DECODER));
        try {
            OnnxDecoder decoder = new OnnxDecoder(graph);
            decoder.check(encoder, tokens);
            return decoder;
        } catch (RuntimeException e) {
            graph.close();
            throw e;
        }
    }

    private void check(OnnxEncoder encoder, OnnxTokens tokens) {
        graph.expectInputs(Set.of(TOKENS, HIDDEN, MASK));
        graph.input(TOKENS, OnnxJavaType.INT64, 2);
        long[] hidden = graph.input(HIDDEN, OnnxJavaType.FLOAT, 3);
        if (takesMask) {
            graph.input(MASK, OnnxJavaType.INT64, 2);
        }
        if (hidden[2] > 0 && encoder.width() > 0 && hidden[2] != encoder.width()) {
            throw new ConfigException(graph.file() + " takes hidden states of width " + hidden[2] + ", and "
                    + OnnxFolder.ENCODER + " makes them of " + encoder.width()
                    + "; export both from the same model: " + OnnxFolder.REMEDY);
        }
        if (hidden[1] > 0 && encoder.numPlaces() > 0 && hidden[1] != encoder.numPlaces()) {
            throw new ConfigException(graph.file() + " takes hidden states of " + hidden[1] + " places, and "
                    + OnnxFolder.ENCODER + " makes " + encoder.numPlaces()
                    + " with this --frames; choose another, or export the model with lengths that vary: "
                    + OnnxFolder.REMEDY);
        }
        checkVocabulary(graph.output(LOGITS, 3)[2], tokens);
    }

    private void checkVocabulary(long size, OnnxTokens tokens) {
        int largest = Math.max(tokens.start(), tokens.end());
        if (size > 0 && largest >= size) {
            throw new ConfigException(graph.file() + " knows " + size + " tokens, and the captions of "
                    + OnnxFolder.CONFIG + " begin with " + tokens.start() + " and end with " + tokens.end()
                    + "; correct it, or export the model again: " + OnnxFolder.REMEDY);
        }
    }

    /**
     * Prepares to predict the tokens of texts about one clip.
     *
     * @param seen the encoded clip
     * @param tokens first and last tokens of captions
     * @param maxRows the most texts at once
     */
    NextToken about(OnnxEncoder.EncodedClip seen, OnnxTokens tokens, int maxRows) {
        FloatBuffer hiddenRPD =
                OnnxEncoder.direct((long) maxRows * seen.valuesPD().capacity());
        for (int row = 0; row < maxRows; row++) {
            hiddenRPD.put(seen.valuesPD().duplicate());
        }
        return (texts, subjects) -> next(texts, seen, hiddenRPD, tokens);
    }

    /** All texts are equally long: they are about one clip, and each step adds a token to every text. */
    private float[][] next(int[][] texts, OnnxEncoder.EncodedClip seen, FloatBuffer hiddenRPD, OnnxTokens tokens) {
        int numRows = texts.length;
        int length = texts[0].length;
        long[] tokensRL =
                Arrays.stream(texts).flatMapToInt(Arrays::stream).asLongStream().toArray();
        FloatBuffer rowsOfHidden = hiddenRPD
                .duplicate()
                .position(0)
                .limit(numRows * seen.valuesPD().capacity());
        Map<String, OnnxTensor> inputs = LinkedHashMap.newLinkedHashMap(3);
        try {
            inputs.put(TOKENS, graph.tensor(LongBuffer.wrap(tokensRL), numRows, length));
            inputs.put(HIDDEN, graph.tensor(rowsOfHidden, numRows, seen.numPlaces(), seen.width()));
            if (takesMask) {
                long[] ones = new long[numRows * seen.numPlaces()];
                Arrays.fill(ones, 1);
                inputs.put(MASK, graph.tensor(LongBuffer.wrap(ones), numRows, seen.numPlaces()));
            }
            OnnxGraph.Values logits = graph.run(inputs, LOGITS);
            int numTokens = Math.toIntExact(logits.shape()[2]);
            checkVocabulary(numTokens, tokens);
            float[][] next = new float[numRows][numTokens];
            for (int row = 0; row < numRows; row++) {
                logits.values().get(((row + 1) * length - 1) * numTokens, next[row]);
                normalise(next[row]);
            }
            return next;
        } finally {
            inputs.values().forEach(OnnxTensor::close);
        }
    }

    /** Turns logits into logarithms of probabilities. */
    private void normalise(float[] logits) {
        double largest = Double.NEGATIVE_INFINITY;
        for (float each : logits) {
            largest = Math.max(largest, each);
        }
        double sum = 0;
        for (float each : logits) {
            sum += Math.exp(each - largest);
        }
        if (!Double.isFinite(largest) || Double.isNaN(sum)) {
            throw new ConfigException(graph.file() + " has logits that are not finite, " + largest
                    + " the largest of them; export the model again with 32-bit numbers: " + OnnxFolder.REMEDY);
        }
        double logSum = largest + Math.log(sum);
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) (logits[i] - logSum);
        }
    }

    @Override
    public void close() {
        graph.close();
    }
}
