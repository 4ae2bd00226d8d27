package io.kinema.train.metrics;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * One line of {@code spikes.jsonl}: a step that was left out because its loss or its gradient lay too far above where
 * they had been.
 *
 * @param step that was made, from 1
 * @param because which value it was, and by how much
 * @param loss the mean squared error over all values of the step
 * @param gradNorm the global norm of the gradient, before clipping and without the loss scale
 * @param returnedTo the step of the checkpoint whose weights training went on with after this one; 0, and not written,
 *     where it went on with those it had
 * @param clips the ids of each microbatch
 */
public record Spike(
        long step,
        String because,
        double loss,
        double gradNorm,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) long returnedTo,
        List<List<String>> clips)
        implements StepLine {

    /**
     * Says that training has gone back.
     *
     * @param checkpoint the step of the checkpoint
     * @return the same with that
     */
    public Spike returningTo(long checkpoint) {
        return new Spike(step, because, loss, gradNorm, checkpoint, clips);
    }
}
