package io.kinema.recaption.captioner.network;

import io.kinema.recaption.captioner.NextToken;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Predicts next tokens with a trained graph, about subjects that it was shown. For one thread at a time. */
public final class CaptionWriter implements NextToken {
    private final CaptionGraph graph;
    private final ComputationGraph encoder;
    private final ComputationGraph decoder;
    private INDArray[] encoded = {};

    /**
     * Copies the weights of a trained graph.
     *
     * @param graph shape of the network
     * @param trained the trained graph
     */
    public CaptionWriter(CaptionGraph graph, ComputationGraph trained) {
        this.graph = graph;
        this.encoder = new ComputationGraph(graph.encoder());
        this.decoder = new ComputationGraph(graph.decoder());
        for (ComputationGraph part : new ComputationGraph[] {encoder, decoder}) {
            part.init();
            part.paramTable().forEach((name, values) -> values.assign(trained.getParam(name)));
        }
    }

    /**
     * Shows the subjects of the texts to come.
     *
     * @param seen input of the encoder for all subjects, one after the other
     */
    public void show(INDArray seen) {
        encoded = encoder.output(false, seen);
    }

    @Override
    public float[][] logProbabilities(int[][] texts, int[] subjects) {
        TextRows rows = new TextRows(graph.window());
        for (int i = 0; i < texts.length; i++) {
            rows.add(texts[i], texts[i].length, subjects[i]);
        }
        INDArray probabilities =
                decoder.output(false, encoded[0], encoded[1], encoded[2], rows.windows(), rows.subjects())[0];
        float[][] logs = new float[texts.length][];
        for (int i = 0; i < texts.length; i++) {
            logs[i] = probabilities.getRow(i).toFloatVector();
            for (int token = 0; token < logs[i].length; token++) {
                boolean isWord = token == Words.END || token >= Words.FIRST_LENGTH + Words.NUM_LENGTHS;
                logs[i][token] = isWord ? (float) Math.log(logs[i][token]) : Float.NEGATIVE_INFINITY;
            }
        }
        return logs;
    }
}
