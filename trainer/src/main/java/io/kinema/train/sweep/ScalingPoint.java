package io.kinema.train.sweep;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;

/**
 * A finished training: how large the model was, what it saw, what that took, and how well it predicts clips that it did
 * not see.
 *
 * @param n parameters
 * @param d tokens that it was trained on, repetitions counted
 * @param c floating point operations of the training
 * @param loss held-out, positive
 * @param lossHalfWidth of the loss's 95 % interval over source videos; 0 where that is not known
 * @param model depth, width and heads; empty where that is not known, as is all that follows
 * @param captionModel the same of the caption encoder
 * @param steps of the training
 * @param learningRate its peak
 * @param microbatches of a step
 * @param run the training's folder
 */
@JsonPropertyOrder({
    "N",
    "D",
    "C",
    "loss",
    "lossHalfWidth",
    "model",
    "captionModel",
    "steps",
    "learningRate",
    "microbatches",
    "run"
})
record ScalingPoint(
        @JsonProperty("N") double n,
        @JsonProperty("D") double d,
        @JsonProperty("C") double c,
        double loss,
        double lossHalfWidth,
        String model,
        String captionModel,
        long steps,
        double learningRate,
        int microbatches,
        String run) {

    ScalingPoint {
        model = model == null ? "" : model;
        captionModel = captionModel == null ? "" : captionModel;
        run = run == null ? "" : run;
    }

    /**
     * The same with the operations of the rule of thumb: 6 for each parameter and token (Kaplan et al., 2001.08361,
     * section 2.1).
     */
    ScalingPoint withSixNd() {
        return new ScalingPoint(
                n, d, 6 * n * d, loss, lossHalfWidth, model, captionModel, steps, learningRate, microbatches, run);
    }

    /** Whether it says how it was trained, as a sweep's do. */
    boolean isTraining() {
        return steps > 0 && microbatches > 0 && learningRate > 0 && model.matches("\\d+x\\d+x\\d+");
    }
}
