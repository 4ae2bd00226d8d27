package io.kinema.recaption.captioner.training;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.order.Philox;
import io.kinema.data.order.Philox.Purpose;
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
 * Trains a model of texts with Adam. The learning rate warms up and then falls along a cosine. After each round of
 * steps the loss on held-out examples is measured. Training ends early when that loss has not fallen for some rounds;
 * the weights of the best round are the result.
 *
 * <p>The examples of a step depend on seed and step only. So a training that was stopped and continued ends with the
 * same weights as one that was not stopped.
 */
public final class Training {
    /** Shares of a batch that are computed side by side. The number is fixed: results do not depend on the machine. */
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
     * @param epochs how often to learn from each example
     * @param batch examples a step, a multiple of {@link #NUM_PARTS}
     * @param learningRate the highest learning rate
     * @param heldOutShare share of the sources to hold out
     * @param roundSteps steps between two measurements of the held-out loss
     * @param patience training ends after so many rounds without a lower held-out loss
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
        /**
         * Checks the settings.
         *
         * @throws ConfigException if a value is out of its range
         */
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
     * How far a training has come.
     *
     * @param step steps done
     * @param rounds for each round its last step, the loss of its training tokens, and the loss of held-out tokens, in
     *     nats a token
     * @param bestRound index of the round with the lowest held-out loss
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

    /** Stores the state that a training needs to continue. */
    interface Keeper {
        void keep(ComputationGraph trained, Progress progress) throws IOException;
    }

    /**
     * Prepares a training.
     *
     * @param graph shape of the network
     * @param examples stay the caller's to close
     * @param settings how to train
     * @throws ConfigException if too few examples are left to learn from, or none to hold out
     */
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

    /**
     * Describes the training in a line.
     *
     * @return numbers of training examples, held-out examples and steps
     */
    String describe() {
        return learned.size() + " examples to learn from, " + heldOut.size() + " held out; " + numSteps() + " steps of "
                + settings.batch();
    }

    /**
     * Trains until the last step, or until the held-out loss stops falling.
     *
     * @param trained weights and optimizer state after {@code from}; changed
     * @param from how far the training had come
     * @param keeper called after each round
     * @return how far the training has come at its end
     */
    Progress run(ComputationGraph trained, Progress from, Keeper keeper) throws IOException {
        Progress progress = from;
        int numSteps = numSteps();
        try (Replicas replicas = new Replicas(trained, NUM_PARTS);
                ProgressBar bar = ProgressDisplay.bar("Training", "steps", numSteps)) {
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
     * The index of the example at a place of the order. Each epoch has its own permutation: a Feistel network, applied
     * until its result is a valid index.
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
                // Examples from the beginning fill up the last batch.
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
