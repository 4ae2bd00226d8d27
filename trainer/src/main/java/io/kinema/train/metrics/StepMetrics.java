package io.kinema.train.metrics;

/**
 * One line of {@code metrics.jsonl}.
 *
 * @param step that was made, from 1
 * @param epoch that it began in, from 0
 * @param loss the mean squared error over all values of the step
 * @param gradNorm the global norm of the gradient, before clipping
 * @param learningRate of the step
 * @param tokens in all microbatches
 * @param stepMs the whole step, in milliseconds
 * @param dataMs of it, waiting for data (rank 0)
 * @param commMs of it, in collectives (rank 0)
 * @param tokensPerSecond of all ranks
 * @param tflops of all ranks, 10¹² floating point operations a second, counted from shapes
 * @param utilisation {@code tflops} over the ranks' measured matmul peak
 * @param residentBytes memory of rank 0's process after the step; 0 where the system does not say
 */
public record StepMetrics(
        long step,
        long epoch,
        double loss,
        double gradNorm,
        double learningRate,
        long tokens,
        double stepMs,
        double dataMs,
        double commMs,
        double tokensPerSecond,
        double tflops,
        double utilisation,
        long residentBytes) {}
