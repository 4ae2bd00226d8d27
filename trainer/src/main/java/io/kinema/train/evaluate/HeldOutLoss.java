package io.kinema.train.evaluate;

import io.kinema.data.order.Philox;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Sha256;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.input.CaptionCuts;
import io.kinema.train.input.MicrobatchBuilder;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.model.WatchedWeights;
import io.kinema.train.run.CaptionMix;
import io.kinema.train.sample.ForwardMemory;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.UploadMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The loss of clips at fixed times with fixed noise: both follow from the clip's id, the place of the time and the seed
 * alone, so that two models, and one model with two captions, are told apart by what they predict and not by what was
 * drawn.
 */
final class HeldOutLoss {
    private final SpacetimeDit model;
    private final DiffusionLoss loss;
    private final Device device;
    private final Parameters weights;
    private final Settings settings;
    private final List<Mixture> mixtures;
    private final Philox philox;
    private final MicrobatchBuilder batches;
    private final IntConsumer blocksDone;
    private CaptionCuts captionCuts = CaptionCuts.NONE;

    /**
     * How to measure.
     *
     * @param captions which caption of a clip the model is told
     * @param times how many; each stands for an equal share of those that training draws
     * @param maxTokens the most that go through the network together, unless a single clip has more
     * @param seed of the noise, and of the choice among captions
     */
    record Settings(CaptionMix captions, int times, int maxTokens, long seed) {}

    /** The last is told how many blocks of the network are done, counted for each time. */
    HeldOutLoss(
            SpacetimeDit model,
            Objective diffusion,
            Device device,
            Parameters weights,
            Settings settings,
            IntConsumer blocksDone) {
        this.model = model;
        this.loss = new DiffusionLoss(model, device);
        this.device = device;
        this.weights = weights;
        this.settings = settings;
        this.blocksDone = blocksDone;
        this.mixtures = mixtures(diffusion, settings.times());
        this.philox = new Philox(settings.seed());
        this.batches = new MicrobatchBuilder(model.config().tokens(), UploadMemory.HEAP);
    }

    /** What passes take on a device. */
    static ForwardMemory memory(SpacetimeDit model, DeviceConfig on) {
        return ForwardMemory.plan(model.config(), on, (planned, device, weights, numTokens) -> {
            int values = model.config().tokens().values();
            Packing packing = Packing.of(List.of(new Grid(1, 1, numTokens)), List.of(new int[CaptionBytes.MAX_BYTES]));
            new DiffusionLoss(planned, device)
                    .forward(
                            weights,
                            new Microbatch(
                                    List.of("planned"),
                                    packing,
                                    UploadMemory.HEAP.uploadBuffer((long) numTokens * values),
                                    UploadMemory.HEAP.uploadBuffer((long) numTokens * values),
                                    UploadMemory.HEAP.uploadBuffer(numTokens),
                                    Mixtures.of(List.of(new Mixture(0, 1, 0, 1, 0)))));
        });
    }

    /** The most tokens that go through the network together, of clips with so many tokens each. */
    static long tokensTogether(long ofClip, int times, int maxTokens) {
        return ofClip * Math.clamp(maxTokens / ofClip, 1, times);
    }

    /** Times that stand for equal shares of those that training draws. */
    static List<Mixture> mixtures(Objective diffusion, int times) {
        return IntStream.range(0, times)
                .mapToObj(k -> diffusion.quantile((k + 0.5) / times))
                .toList();
    }

    /** The loss of a clip at each time. */
    List<LossTable.Row> of(Clip clip) {
        ClipTokens tokens = model.config().tokens();
        int numTokens = tokens.grid(clip).tokens();
        long values = (long) numTokens * tokens.values();
        List<LossTable.Row> rows = new ArrayList<>();
        captionCuts = captionCuts.with(caption(clip));
        int together = Math.max(1, settings.maxTokens() / numTokens);
        for (int from = 0; from < mixtures.size(); from += together) {
            int to = Math.min(mixtures.size(), from + together);
            double[] squaredError = squaredError(clip, numTokens, from, to);
            for (int k = from; k < to; k++) {
                rows.add(new LossTable.Row(
                        clip.id(),
                        clip.sourceUri(),
                        clip.numFrames(),
                        clip.height(),
                        clip.width(),
                        values,
                        mixtures.get(k).tau(),
                        Long.toString(settings.seed()),
                        squaredError[k - from] / values));
            }
        }
        return rows;
    }

    private String caption(Clip clip) {
        return settings.captions().draw(clip.captions(), philox, 0, Sha256.word(clip.id()));
    }

    /** Captions that were cut so far. */
    CaptionCuts captionCuts() {
        return captionCuts;
    }

    /** The sum of squared errors of a clip at some of the times. */
    private double[] squaredError(Clip clip, int numTokens, int fromTime, int toTime) {
        // No place in a data set, as another may hold the clip elsewhere.
        long key = Sha256.word(clip.id());
        String caption = caption(clip);
        batches.begin(Math.multiplyExact(toTime - fromTime, numTokens));
        for (int k = fromTime; k < toTime; k++) {
            int time = k;
            batches.add(
                    clip,
                    caption,
                    mixtures.get(k),
                    (noise, count) -> philox.normals(Philox.Purpose.NOISE, time, key, noise, 0, count));
        }
        try (Device.Scope _ = device.openScope()) {
            Parameters watched = new WatchedWeights(weights, () -> blocksDone.accept(toTime - fromTime));
            return device.read(loss.forward(watched, batches.build()));
        }
    }
}
