package io.kinema.train.sweep;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.Comparator;

/**
 * A training of a sweep, before it has run.
 *
 * @param name of its folder
 * @param model depth, width and heads
 * @param parameters N
 * @param tokens D, nearly: steps are whole, and their tokens differ a little
 * @param flops C, likewise
 * @param steps of the training
 * @param microbatches of a step
 * @param learningRate its peak
 */
@JsonPropertyOrder({"name", "model", "N", "D", "C", "steps", "microbatches", "learningRate"})
record PlannedPoint(
        String name,
        String model,
        @JsonProperty("N") long parameters,
        @JsonProperty("D") double tokens,
        @JsonProperty("C") double flops,
        long steps,
        int microbatches,
        double learningRate) {
    /** The cheapest first. */
    static final Comparator<PlannedPoint> BY_COST =
            Comparator.comparingDouble(PlannedPoint::flops).thenComparing(PlannedPoint::name);
}
