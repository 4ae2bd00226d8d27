package io.kinema.train;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What ranks tell each other of a step before anyone changes a weight.
 *
 * @param leaves one for each microbatch
 * @param stopRequested whether a rank was asked to stop after this step
 */
record StepReport(List<Leaf> leaves, boolean stopRequested) {

    /**
     * One microbatch.
     *
     * @param microbatch its number in the step
     * @param squaredError summed over all its values
     * @param gradientSquare the squared norm of its gradient
     * @param flops that its pass took
     */
    record Leaf(int microbatch, double squaredError, double gradientSquare, double flops) {
        static final int BYTES = Integer.BYTES + 3 * Double.BYTES;

        boolean isFinite() {
            return Double.isFinite(squaredError) && Double.isFinite(gradientSquare);
        }
    }

    byte[] encode() {
        ByteBuffer buffer = ByteBuffer.allocate(1 + leaves.size() * Leaf.BYTES);
        buffer.put((byte) (stopRequested ? 1 : 0));
        for (Leaf leaf : leaves) {
            buffer.putInt(leaf.microbatch)
                    .putDouble(leaf.squaredError)
                    .putDouble(leaf.gradientSquare)
                    .putDouble(leaf.flops);
        }
        return buffer.array();
    }

    /** Joins the ranks' reports; in rank order, so that the leaves come in theirs. */
    static StepReport join(byte[][] messages) {
        List<Leaf> leaves = new ArrayList<>();
        boolean stopRequested = false;
        for (byte[] message : messages) {
            ByteBuffer buffer = ByteBuffer.wrap(message);
            stopRequested |= buffer.get() != 0;
            while (buffer.hasRemaining()) {
                leaves.add(new Leaf(buffer.getInt(), buffer.getDouble(), buffer.getDouble(), buffer.getDouble()));
            }
        }
        return new StepReport(leaves, stopRequested);
    }

    /** The sum over microbatches, in their order whatever the world size. */
    double squaredError() {
        return leaves.stream().mapToDouble(Leaf::squaredError).reduce(0, Double::sum);
    }

    double flops() {
        return leaves.stream().mapToDouble(Leaf::flops).reduce(0, Double::sum);
    }
}
