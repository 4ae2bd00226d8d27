package io.kinema.recaption.captioner.network;

import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A learning rate that rises in proportion to the step and then falls along half a cosine to 0.
 *
 * @param peak the rate at the end of the rise, apart from the fall until then
 * @param warmUpSteps number of steps of the rise
 * @param numSteps number of all steps
 */
public record WarmUpCosine(
        @JsonProperty("peak") double peak,
        @JsonProperty("warmUpSteps") int warmUpSteps,
        @JsonProperty("numSteps") int numSteps)
        implements ISchedule {
    @Override
    public double valueAt(int step, int epoch) {
        double warmUp = Math.min(1, (step + 1.0) / warmUpSteps);
        return peak * warmUp * 0.5 * (1 + Math.cos(Math.PI * step / numSteps));
    }

    @Override
    public ISchedule clone() {
        return this;
    }
}
