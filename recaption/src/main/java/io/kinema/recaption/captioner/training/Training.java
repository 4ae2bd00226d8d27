package io.kinema.recaption.captioner.training;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox.Purpose;
import io.kinema.data.order.Philox;
import io.kinema.data.shard.Sha256;
import io.kinema.recaption.captioner.network.CaptionGraph;
import io.kinema.recaption.captioner.network.TextRows;
import io.kinema.recaption.captioner.network.WarmUpCosine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ProgressBar;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Trains a model that writes texts: Adam, a rate that warms up and then falls along a cosine, and after each round of
 * steps the loss on examples that are held out. Training ends early when that has not fallen for some rounds; the best
 * round's weights are the result. What a step learns from is a function of seed and step, so that a training that was
 * stopped ends with the weights that it would have had.
 */
public final class Training {
    /**
     * Parts of a batch that are computed side by side; a number of their own, so that results do not depend on the
     * machine.
     */
    static final int NUM_PARTS = 2;

    private static final int WARM_UP_STEPS = 100;
    private static final int MAX_HELD_OUT = 400;

    private final CaptionGraph graph;
    private final Examples examples;
    private final Settings settings;
    private final List<Integer> learned;
    private final List<Integer> heldOut;
    private final Philox random;

    /**
     * How to train.
     *
     * @param epochs how often each example is learned from
     * @param batch examples a step, a multiple of the parts
     * @param learningRate the highest
     * @param heldOutShare of the sources that are held out
     * @param roundSteps steps between two looks at the examples that are held out
     * @param patience rounds without a lower loss after which training ends
     * @param seed of everything that is drawn
     */
    public record Settings(
            double epochs,
            int batch,
            double learningRate,
            double heldOutShare,
            int roundSteps,
            int patience,
            long seed) {
        public Settings {
            require("--epochs", epochs, epochs > 0, "above 0");
            require(
                    "--batch",
                    batch,
                    batch >= NUM_PARTS && batch % NUM_PARTS == 0,
                    "a positive multiple of " + NUM_PARTS);
            require("--learning-rate", learningRate, learningRate > 0, "above 0");
            require("--validation", heldOutShare, heldOutShare > 0 && heldOutShare < 1, "between 0 and 1");
            require("--round-steps", roundSteps, roundSteps >= 1, "at least 1");
            require("--patience", patience, patience >= 1, "at least 1");
        }

        private static void require(String flag, Object value, boolean holds, String range) {
            if (!holds) {
                throw new ConfigException(flag + " " + value + " is not " + range);
            }
        }
    }

    /**
     * What has come of a training so far.
     *
     * @param step steps done
     * @param rounds each round's step, loss of the tokens learned from in it, and loss of those held out, in nats a
     *     token
     * @param bestRound index of the round with the lowest loss on what is held out
     */
    record Progress(int step, List<double[]> rounds, int bestRound) {
        static final Progress NONE = new Progress(0, List.of(), -1);

        Progress plus(int stepNow, double trainLoss, double heldOutLoss) {
            List<double[]> more = new ArrayList<>(rounds);
            more.add(new double[] {stepNow, trainLoss, heldOutLoss});
            boolean isBest = bestRound < 0 || heldOutLoss < rounds.get(bestRound)[2];
            return new Progress(stepNow, List.copyOf(more), isBest ? rounds.size() : bestRound);
        }

        @JsonIgnore
        boolean isBestNow() {
            return bestRound == rounds.size() - 1;
        }
    }

    /** Keeps what a training needs to go on. */
    interface Keeper {
        void keep(ComputationGraph trained, Progress progress) throws IOException;
    }

    public Training(CaptionGraph graph, Examples examples, Settings settings) {
        this.graph = graph;
        this.examples = examples;
        this.settings = settings;
        this.random = new Philox(settings.seed());
        this.learned = IntStream.range(0, examples.count())
                .filter(i -> !isHeldOut(i))
                .boxed()
                .toList();
        this.heldOut = IntStream.range(0, examples.count())
                .filter(this::isHeldOut)
                .boxed()
                .limit(MAX_HELD_OUT)
                .toList();
        if (learned.size() < settings.batch() || heldOut.isEmpty()) {
            throw new ConfigException(examples.count() + " examples with captions, " + heldOut.size()
                    + " of them held out by --validation " + settings.heldOutShare() + ": at least " + settings.batch()
                    + " to learn from and one to hold out are needed; give more of them, or another --validation");
        }
    }

    private boolean isHeldOut(int index) {
        return Sha256.word(examples.source(index)) * 0x1p-32 < settings.heldOutShare();
    }

    long seed() {
        return settings.seed();
    }

    int numSteps() {
        return (int) Math.ceil(settings.epochs() * learned.size() / settings.batch());
    }

    /** Examples that are learned from, and those that are held out. */
    String describe() {
        return learned.size() + " examples to learn from, " + heldOut.size() + " held out; " + numSteps() + " steps of "
                + settings.batch();
    }

    /**
     * Trains on.
     *
     * @param trained the weights and the optimizer's state after {@code from}; changed
     * @param from how far training has come
     * @param keeper called after each round
     * @return how far training has come when it ends
     */
    Progress run(ComputationGraph trained, Progress from, Keeper keeper) throws IOException {
        Progress progress = from;
        int numSteps = numSteps();
        try (Replicas replicas = new Replicas(trained, NUM_PARTS);
                ProgressBar bar = CommandLine.progressBar("Training", "steps", numSteps)) {
            bar.stepTo(progress.step());
            Replicas.Loss loss = new Replicas.Loss(0, 0);
            for (int step = progress.step(); step < numSteps && !isOver(progress); step++) {
                loss = loss.plus(replicas.step(batch(step), step));
                bar.step();
                if ((step + 1) % settings.roundSteps() == 0 || step + 1 == numSteps) {
                    progress = progress.plus(step + 1, loss.perToken(), heldOutLoss(replicas));
                    keeper.keep(trained, progress);
                    double[] round = progress.rounds().getLast();
                    bar.setExtraMessage(String.format(" loss %.3f, held out %.3f", round[1], round[2]));
                    loss = new Replicas.Loss(0, 0);
                }
            }
        }
        return progress;
    }

    private boolean isOver(Progress progress) {
        return progress.rounds().size() - 1 - progress.bestRound() >= settings.patience();
    }

    /** The rate at each step. */
    WarmUpCosine learningRate() {
        return new WarmUpCosine(settings.learningRate(), WARM_UP_STEPS, numSteps());
    }

    private List<Supplier<Replicas.BatchShare>> batch(int step) {
        List<Supplier<Replicas.BatchShare>> parts = new ArrayList<>();
        int perPart = settings.batch() / NUM_PARTS;
        for (int part = 0; part < NUM_PARTS; part++) {
            List<Integer> indices = new ArrayList<>();
            List<double[]> draws = new ArrayList<>();
            for (int i = 0; i < perPart; i++) {
                int place = part * perPart + i;
                indices.add(learned.get(inOrder((long) step * settings.batch() + place)));
                double[] drawn = new double[Examples.NUM_DRAWS];
                random.uniforms(Purpose.CAPTIONER_TRAINING, step, place, drawn);
                draws.add(drawn);
            }
            parts.add(() -> part(indices, draws));
        }
        return parts;
    }

    /**
     * Which example comes at a place of the order: each epoch is a permutation of its own, by a walk along a cycle
     * (Feistel).
     */
    private int inOrder(long place) {
        int size = learned.size();
        long epoch = place / size;
        int halfBits = Math.max(1, (33 - Integer.numberOfLeadingZeros(size - 1)) / 2);
        int mask = (1 << halfBits) - 1;
        long at = place % size;
        do {
            int left = (int) (at >>> halfBits) & mask;
            int right = (int) at & mask;
            for (int round = 0; round < 4; round++) {
                int mixed = random.integer(Purpose.SHUFFLE, epoch, right, round, mask + 1);
                int next = left ^ mixed;
                left = right;
                right = next;
            }
            at = (long) left << halfBits | right;
        } while (at >= size);
        return (int) at;
    }

    private Replicas.BatchShare part(List<Integer> indices, List<double[]> draws) {
        int columns = examples.inputColumns();
        int values = graph.source().inputRows() * columns;
        float[] seen = new float[indices.size() * values];
        TextRows rows = new TextRows(graph.window());
        for (int i = 0; i < indices.size(); i++) {
            examples.show(indices.get(i), draws.get(i), seen, i * values);
            for (int[] text : examples.texts(indices.get(i))) {
                rows.addAll(text, i);
            }
        }
        INDArray input = Nd4j.create(seen, new long[] {seen.length / columns, columns}, 'c');
        return new Replicas.BatchShare(new INDArray[] {input, rows.windows(), rows.subjects()}, rows.next());
    }

    private double heldOutLoss(Replicas replicas) {
        Replicas.Loss loss = new Replicas.Loss(0, 0);
        int perPart = settings.batch() / NUM_PARTS;
        for (int from = 0; from < heldOut.size(); from += settings.batch()) {
            List<Supplier<Replicas.BatchShare>> parts = new ArrayList<>();
            for (int part = 0; part < NUM_PARTS; part++) {
                // The last batch is filled up from the beginning.
                List<Integer> indices = new ArrayList<>();
                for (int i = 0; i < perPart; i++) {
                    indices.add(heldOut.get((from + part * perPart + i) % heldOut.size()));
                }
                parts.add(() -> part(indices, Collections.nCopies(perPart, new double[0])));
            }
            loss = loss.plus(replicas.loss(parts));
        }
        return loss.perToken();
    }
}
