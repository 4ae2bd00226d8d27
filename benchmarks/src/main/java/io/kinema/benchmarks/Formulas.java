package io.kinema.benchmarks;

import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.UploadBuffer;
import java.util.Arrays;
import java.util.List;

/** The weights and inputs of {@code peers/formulas.py}, so that both sides have the same without a file. */
final class Formulas {
    private static final List<Grid> GRIDS = List.of(new Grid(2, 3, 4), new Grid(1, 2, 5), new Grid(3, 2, 2));
    private static final List<int[]> CAPTIONS = List.of(
            CaptionBytes.of("a red circle moves over a blue wall"),
            CaptionBytes.none(),
            CaptionBytes.of("ein grünes Dreieck 三角"));
    private static final double[] FLOW_TIMES = {0.2, 0.55, 0.9};
    private static final int[] NOISE_TIMES = {200, 550, 900};

    private Formulas() {}

    /** Every parameter nonzero, so that every gradient is exercised. */
    static float[] parameter(ParameterLayout.Entry entry) {
        float[] values = new float[Math.toIntExact(entry.size())];
        int[] shape = entry.shape();
        for (int i = 0; i < values.length; i++) {
            double s = Math.sin(0.7 * i + 1.3 * entry.index() + 0.0137 * i * i);
            if (shape.length == 2) {
                values[i] = (float) (s / Math.sqrt(shape[1]));
            } else if (entry.name().endsWith("bias")) {
                values[i] = (float) (0.05 * s);
            } else {
                values[i] = (float) (1 + 0.1 * s);
            }
        }
        return values;
    }

    /** A model's parameters, all of them by formula. */
    static ParameterSet weights(Device device, SpacetimeDit model) {
        ParameterSet weights = ParameterSet.weights(device, model.layout());
        for (ParameterLayout.Entry entry : model.layout().entries()) {
            try (Device.Scope _ = device.openScope()) {
                device.add(weights.get(entry), device.of(parameter(entry), entry.shape()));
            }
        }
        return weights;
    }

    /** Three clips, one of them an image without a caption. */
    static Microbatch microbatch(ClipTokens tokens, Objective diffusion) {
        return microbatch(List.of("video", "image", "clip"), Packing.of(GRIDS, CAPTIONS), tokens, mixtures(diffusion));
    }

    /** Clips and noise by formula. */
    static Microbatch microbatch(List<String> ids, Packing packing, ClipTokens tokens, List<Mixture> mixtures) {
        float[] cleanLP = new float[packing.tokens().total() * tokens.values()];
        float[] noiseLP = new float[cleanLP.length];
        for (int i = 0; i < cleanLP.length; i++) {
            cleanLP[i] = (float) Math.sin(0.013 * i + 0.5 * Math.cos(0.11 * i));
            noiseLP[i] = (float) (1.2 * Math.sin(1.7 * i + 0.3) + 0.4 * Math.cos(0.05 * i));
        }
        float[] weightL = new float[packing.tokens().total()];
        Arrays.fill(weightL, 1);
        return new Microbatch(
                ids,
                packing,
                UploadBuffer.of(cleanLP),
                UploadBuffer.of(noiseLP),
                UploadBuffer.of(weightL),
                Mixtures.of(mixtures));
    }

    private static List<Mixture> mixtures(Objective diffusion) {
        return switch (diffusion) {
            case RectifiedFlow flow -> List.of(flow.at(FLOW_TIMES[0]), flow.at(FLOW_TIMES[1]), flow.at(FLOW_TIMES[2]));
            case NoisePrediction process ->
                List.of(process.at(NOISE_TIMES[0]), process.at(NOISE_TIMES[1]), process.at(NOISE_TIMES[2]));
        };
    }
}
