package io.kinema.train.metrics;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * One line of {@code metrics.jsonl}.
 *
 * @param step that was made, from 1
 * @param epoch that it began in, from 0
 * @param loss the mean squared error over all values of the step
 * @param gradNorm the global norm of the gradient, before clipping and without the loss scale
 * @param learningRate of the step
 * @param tokens in all microbatches
 * @param flops floating point operations of all ranks, counted from shapes
 * @param stepMs the whole step, in milliseconds
 * @param dataMs of it, waiting for data (rank 0)
 * @param commMs during it, in collectives, hidden behind computation or not (rank 0)
 * @param commExposedMs of it, waiting for collectives (rank 0)
 * @param checkpointMs before it, standing still for a checkpoint; 0, and not written, where there was none
 * @param tokensPerSecond of all ranks
 * @param tflops of all ranks, 10¹² floating point operations a second
 * @param utilisation {@code tflops} over the ranks' measured matmul peak
 * @param residentBytes memory of rank 0's process after the step; 0 where the system does not say
 * @param lossScale what the loss was multiplied by in fp16; 0, and not written, in other precisions
 * @param skippedBecause why no weight was changed; empty, and not written, where they were
 * @param reduction how gradients were summed; empty, and not written, where the sum was exact
 * @param wire what gradients travelled as; empty, and not written, where it was fp32
 */
public record StepMetrics(
        long step,
        long epoch,
        double loss,
        double gradNorm,
        double learningRate,
        long tokens,
        double flops,
        double stepMs,
        double dataMs,
        double commMs,
        double commExposedMs,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) double checkpointMs,
        double tokensPerSecond,
        double tflops,
        double utilisation,
        long residentBytes,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) double lossScale,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String skippedBecause,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String reduction,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String wire)
        implements StepLine {

    /**
     * Returns whether no weight was changed; not written where it was not so.
     *
     * @return whether there was a reason to
     */
    @JsonProperty
    @JsonInclude(JsonInclude.Include.NON_DEFAULT)
    public boolean skipped() {
        return !skippedBecause.isEmpty();
    }
}
