package io.kinema.train.optim;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * AdamW and the average of the weights over one rank's shard of a vector of parameters, in every ZeRO stage
 * (Rajbhandari et al., 1910.02054, section 5.1): moments and average exist for that shard only, and so do master
 * weights where the weights that layers multiply by are narrower.
 */
public final class ShardedAdamW {
    private final Device device;
    private final AdamWConfig config;
    private final long size;
    private final Tensor working;
    private final Tensor master;
    private final Tensor firstMoment;
    private final Tensor secondMoment;
    private final Tensor average;
    private final List<Stretch> stretches;
    /** In their order. */
    private final List<Averaged> averaged;

    /** A part of the shard that is trained, as large as can be: what is not trained keeps its average. */
    private record Averaged(Tensor average, Tensor master) {}

    /**
     * The constants of the optimizer.
     *
     * @param beta1 decay of the first moment
     * @param beta2 decay of the second moment
     * @param epsilon added to the root of the second moment
     * @param weightDecay decoupled decay
     * @param clipNorm the global norm that a larger gradient is scaled down to
     * @param emaDecay the decay that the average's approaches from below
     */
    public record AdamWConfig(
            double beta1, double beta2, double epsilon, double weightDecay, double clipNorm, double emaDecay) {}

    /**
     * Allocates state for a shard, all zero; see {@link #startAverage()}. Where the weights are of
     * {@link Device#dtype()}, they are the master weights themselves.
     *
     * @param device of the weights
     * @param config constants
     * @param working the shard of the working weights, which updates change [size], or [1] where that is 0
     * @param stretches end to end they are the shard; none where there are more ranks than blocks
     */
    public ShardedAdamW(Device device, AdamWConfig config, Tensor working, List<Stretch> stretches) {
        this.device = device;
        this.config = config;
        this.size = stretches.stream().mapToLong(Stretch::size).sum();
        long allocated = Math.max(size, 1);
        this.working = working;
        this.master = working.dtype() == device.dtype() ? working : device.zeros(allocated);
        this.firstMoment = device.zeros(allocated);
        this.secondMoment = device.zeros(allocated);
        this.average = device.zeros(allocated);
        this.stretches = List.copyOf(stretches);
        this.averaged = averaged();
    }

    private List<Averaged> averaged() {
        List<Averaged> parts = new ArrayList<>();
        long first = 0;
        for (Stretch stretch : stretches) {
            if (!stretch.attributes().isTrainable()) {
                addAveraged(parts, first, stretch.offset());
                first = stretch.end();
            }
        }
        addAveraged(parts, first, size);
        return List.copyOf(parts);
    }

    private void addAveraged(List<Averaged> parts, long first, long end) {
        if (first < end) {
            parts.add(new Averaged(device.view(average, first, end - first), device.view(master, first, end - first)));
        }
    }

    /** Lets the average begin at the master weights as they are now. */
    public void startAverage() {
        device.copy(average, master);
    }

    /**
     * Replaces the master weights, and the working weights by these, rounded.
     *
     * @param weights of the shard, of {@link Device#dtype()}, native byte order; as many as the shard has elements
     */
    public void writeMaster(MemorySegment weights) {
        if (size > 0) {
            device.write(master, 0, weights);
            if (working != master) {
                device.copy(working, master);
            }
        }
    }

    /**
     * Returns the master weights.
     *
     * @return [size], or [1] where the shard is empty
     */
    public Tensor master() {
        return master;
    }

    /**
     * Returns the moments and the average, to be written to checkpoints or read from them.
     *
     * @return first moment, second moment, average; each [size], or [1] where the shard is empty
     */
    public Tensor[] state() {
        return new Tensor[] {firstMoment, secondMoment, average};
    }

    /**
     * Makes one update. An element's result does not depend on where shards and stretches are cut.
     *
     * @param gradient of the shard, before clipping, times the loss scale
     * @param lossScale what the loss was multiplied by; 1 where it was not
     * @param globalNorm the norm of the whole gradient, the loss scale divided out
     * @param learningRate of the step
     * @param count the number of the update, from 1
     */
    public void update(Tensor gradient, double lossScale, double globalNorm, double learningRate, long count) {
        double clip = globalNorm > config.clipNorm ? config.clipNorm / globalNorm : 1;
        double decay = Math.min(config.emaDecay, (1.0 + count) / (10.0 + count));
        if (averaged.isEmpty()) {
            return;
        }
        AdamWStep step = new AdamWStep(
                learningRate,
                config.beta1,
                config.beta2,
                config.epsilon,
                config.weightDecay,
                count,
                clip / lossScale,
                stretches);
        device.adamw(master, gradient, firstMoment, secondMoment, working, step);
        for (Averaged part : averaged) {
            device.ema(part.average, part.master, decay);
        }
    }
}
