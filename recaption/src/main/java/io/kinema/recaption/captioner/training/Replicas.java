package io.kinema.recaption.captioner.training;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;

/**
 * Trains a graph with several threads. Each thread computes the gradient of its share of a batch on its own copy of the
 * weights. Gradients are added in a fixed order: the result does not depend on which thread ends first.
 */
final class Replicas implements AutoCloseable {
    private final List<ComputationGraph> graphs = new ArrayList<>();
    private final ExecutorService threads;

    /** One replica's share of a batch: inputs in the graph's order, and the tokens that come next. */
    record BatchShare(INDArray[] inputs, INDArray next) {}

    /**
     * The loss of texts.
     *
     * @param nats sum over all tokens
     * @param tokens number of tokens
     */
    record Loss(double nats, long tokens) {
        Loss plus(Loss other) {
            return new Loss(nats + other.nats, tokens + other.tokens);
        }

        double perToken() {
            return nats / tokens;
        }
    }

    /**
     * Makes copies of a graph.
     *
     * @param trained weights and optimizer state; {@link #step} changes them
     * @param numReplicas number of graphs, {@code trained} included
     */
    Replicas(ComputationGraph trained, int numReplicas) {
        graphs.add(trained);
        while (graphs.size() < numReplicas) {
            graphs.add(trained.clone());
        }
        threads = Executors.newFixedThreadPool(
                numReplicas, Thread.ofPlatform().name("captioner-", 0).factory());
    }

    ComputationGraph trained() {
        return graphs.getFirst();
    }

    /**
     * Makes a step of the optimizer.
     *
     * @param parts shares of the batch, one for each replica; the replica's thread makes the share
     * @param stepIndex from 0
     * @return the loss of all tokens before the step
     */
    Loss step(List<Supplier<BatchShare>> parts, int stepIndex) {
        Loss loss = losses(parts, true);
        INDArray gradient = trained().gradient().gradient();
        for (int i = 1; i < graphs.size(); i++) {
            gradient.addi(graphs.get(i).gradient().gradient());
        }
        gradient.divi(loss.tokens());
        trained().getUpdater().update(trained().gradient(), stepIndex, 0, 1, LayerWorkspaceMgr.noWorkspaces());
        trained().params().subi(gradient);
        graphs.subList(1, graphs.size())
                .forEach(graph -> graph.params().assign(trained().params()));
        return loss;
    }

    /** Computes the loss of a batch; nothing is learned. */
    Loss loss(List<Supplier<BatchShare>> parts) {
        return losses(parts, false);
    }

    private Loss losses(List<Supplier<BatchShare>> parts, boolean learn) {
        if (parts.size() != graphs.size()) {
            throw new IllegalArgumentException(parts.size() + " parts for " + graphs.size() + " replicas");
        }
        List<Future<Loss>> losses = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            ComputationGraph graph = graphs.get(i);
            Supplier<BatchShare> part = parts.get(i);
            losses.add(threads.submit(() -> lossOf(graph, part.get(), learn)));
        }
        Loss sum = new Loss(0, 0);
        try {
            for (Future<Loss> each : losses) {
                sum = sum.plus(each.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException("a part of a batch failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("training was interrupted", e);
        }
        return sum;
    }

    private static Loss lossOf(ComputationGraph graph, BatchShare part, boolean learn) {
        long tokens = part.next().length();
        if (learn) {
            graph.setInputs(part.inputs());
            graph.setLabels(part.next());
            graph.computeGradientAndScore();
            return new Loss(graph.score(), tokens);
        }
        return new Loss(graph.score(new MultiDataSet(part.inputs(), new INDArray[] {part.next()}), false), tokens);
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
