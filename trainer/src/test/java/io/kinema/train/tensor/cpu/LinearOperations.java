package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.RowOperations.Body;
import io.kinema.train.tensor.cpu.RowOperations.Operation;
import java.util.List;
import java.util.Random;

/** Every operation that multiplies by a matrix, with random operands. */
final class LinearOperations {
    private final Random random;
    private final DType workingType;

    private LinearOperations(Random random, DType workingType) {
        this.random = random;
        this.workingType = workingType;
    }

    private Operation operation(String name, int[][] shapes, Body body) {
        Given[] operands = new Given[shapes.length];
        for (int i = 0; i < shapes.length; i++) {
            operands[i] = Given.normal(random, workingType, shapes[i]);
        }
        return new Operation(name, List.of(operands), body);
    }

    /** From features in to features out; rows are those of the segments. */
    static List<Operation> of(long seed, DType workingType, Segments segments, int in, int out) {
        LinearOperations ops = new LinearOperations(new Random(seed), workingType);
        int[] x = {segments.total(), in};
        int[] y = {segments.total(), out};
        int[] weight = {out, in};
        int[] bias = {out};
        int[] gate = {segments.count(), out};
        return List.of(
                ops.operation(
                        "linear",
                        new int[][] {x, weight, bias},
                        (d, given) -> List.of(d.linear(given[0], given[1], given[2]))),
                ops.operation("linear gelu", new int[][] {x, weight, bias}, (d, given) -> {
                    Activated activated = d.linearGelu(given[0], given[1], given[2]);
                    return List.of(activated.innerRO(), activated.outRO());
                }),
                ops.operation(
                        "linear residual",
                        new int[][] {x, weight, bias, y},
                        (d, given) -> List.of(d.linearResidual(given[0], given[1], given[2], given[3]))),
                ops.operation("linear gated residual", new int[][] {x, weight, bias, y, gate}, (d, given) -> {
                    Gated gated = d.linearGatedResidual(given[0], given[1], given[2], given[3], given[4], segments);
                    return List.of(gated.branchLD(), gated.outLD());
                }),
                ops.operation(
                        "linear backward input",
                        new int[][] {y, weight},
                        (d, given) -> List.of(d.linearBackwardInput(given[0], given[1]))),
                ops.operation(
                        "linear backward input gelu",
                        new int[][] {y, weight, x},
                        (d, given) -> List.of(d.linearBackwardInputGelu(given[0], given[1], given[2]))),
                ops.operation("linear backward parameters", new int[][] {y, x}, (d, given) -> {
                    Tensor dWeight = d.zeros(weight);
                    Tensor dBias = d.zeros(bias);
                    d.linearBackwardParameters(given[0], given[1], dWeight, dBias);
                    return List.of(dWeight, dBias);
                }));
    }
}
