package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;
import static io.kinema.train.tensor.nd4j.Nd4jMath.transposed;

import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Matrix products, activations, embeddings, and the cutting and joining of columns. */
final class Nd4jLayers {
    /** {@code 2·√(2/π)}: the tanh form of gelu is {@code x·σ(GELU_SLOPE·(x + GELU_CUBE·x³))}. */
    private static final double GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);

    private static final double GELU_CUBE = 0.044715;

    private final Nd4jMemory memory;

    Nd4jLayers(Nd4jMemory memory) {
        this.memory = memory;
    }

    Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO) {
        Shapes.requireRank("x", xRI, 2);
        Shapes.require("weight", weightOI, biasO.dim(0), xRI.dim(1));
        Shapes.require("bias", biasO, weightOI.dim(0));
        Nd4jTensor yRO = memory.allocate(xRI.dim(0), weightOI.dim(0));
        Nd4jMath.matmul(
                of(memory.inside(xRI).rows()),
                transposed(memory.inside(weightOI).rows()),
                1,
                0,
                yRO.rows());
        Nd4jMath.add(yRO.rows(), memory.inside(biasO).rows(), yRO.rows());
        return yRO;
    }

    Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        Shapes.requireRank("weight", weightOI, 2);
        Shapes.require("dy", dyRO, dyRO.dim(0), weightOI.dim(0));
        Nd4jTensor dxRI = memory.allocate(dyRO.dim(0), weightOI.dim(1));
        Nd4jMath.matmul(
                of(memory.inside(dyRO).rows()), of(memory.inside(weightOI).rows()), 1, 0, dxRI.rows());
        return dxRI;
    }

    void linearBackwardWeight(Tensor dyRO, Tensor xRI, Tensor dWeight) {
        Shapes.requireRank("dy", dyRO, 2);
        Shapes.requireRank("x", xRI, 2);
        Shapes.require("x", xRI, dyRO.dim(0), xRI.dim(1));
        Shapes.require("dWeight", dWeight, dyRO.dim(1), xRI.dim(1));
        Nd4jMath.matmul(
                transposed(memory.inside(dyRO).rows()),
                of(memory.inside(xRI).rows()),
                1,
                1,
                memory.inside(dWeight).rows());
    }

    void linearBackwardBias(Tensor dyRO, Tensor dBias) {
        Shapes.require("dBias", dBias, dyRO.dim(1));
        Nd4jMath.matmul(
                of(memory.onesRow(dyRO.dim(0))),
                of(memory.inside(dyRO).rows()),
                1,
                1,
                memory.inside(dBias).rows());
    }

    Tensor gelu(Tensor x) {
        Nd4jTensor y = memory.allocate(x.shape());
        INDArray in = memory.inside(x).rows();
        INDArray out = y.rows();
        geluGate(in, out);
        Nd4jMath.multiply(in, out, out);
        return y;
    }

    /** {@code σ(GELU_SLOPE·(x + GELU_CUBE·x³))}. */
    private static void geluGate(INDArray x, INDArray out) {
        Nd4jMath.square(x, out);
        Nd4jMath.multiply(out, GELU_SLOPE * GELU_CUBE, out);
        Nd4jMath.add(out, GELU_SLOPE, out);
        Nd4jMath.multiply(out, x, out);
        Nd4jMath.sigmoid(out, out);
    }

    /** With {@code y = x·σ(z(x))}: {@code dx = dy·σ·(1 + x·(1 − σ)·z′)}. */
    Tensor geluBackward(Tensor dy, Tensor x) {
        Shapes.requireSame("dy", dy, "x", x);
        Nd4jTensor dx = memory.allocate(x.shape());
        INDArray in = memory.inside(x).rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray gate = scratch.like(in);
            geluGate(in, gate);
            INDArray slope = scratch.like(in);
            Nd4jMath.square(in, slope);
            Nd4jMath.multiply(slope, 3 * GELU_SLOPE * GELU_CUBE, slope);
            Nd4jMath.add(slope, GELU_SLOPE, slope);
            Nd4jMath.multiply(slope, in, slope);
            gatedBackward(memory.inside(dy).rows(), gate, slope, dx.rows());
        }
        return dx;
    }

    Tensor silu(Tensor x) {
        Nd4jTensor y = memory.allocate(x.shape());
        INDArray in = memory.inside(x).rows();
        Nd4jMath.sigmoid(in, y.rows());
        Nd4jMath.multiply(in, y.rows(), y.rows());
        return y;
    }

    Tensor siluBackward(Tensor dy, Tensor x) {
        Shapes.requireSame("dy", dy, "x", x);
        Nd4jTensor dx = memory.allocate(x.shape());
        INDArray in = memory.inside(x).rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray gate = scratch.like(in);
            Nd4jMath.sigmoid(in, gate);
            gatedBackward(memory.inside(dy).rows(), gate, in, dx.rows());
        }
        return dx;
    }

    /** {@code dx = dy·σ·(1 + (1 − σ)·u)}; dx is not u. */
    private static void gatedBackward(INDArray dy, INDArray gate, INDArray u, INDArray dx) {
        Nd4jMath.subtractFrom(1, gate, dx);
        Nd4jMath.multiply(dx, u, dx);
        Nd4jMath.add(dx, 1, dx);
        Nd4jMath.multiply(dx, gate, dx);
        Nd4jMath.multiply(dx, dy, dx);
    }

    Tensor embedding(Tensor tableVD, RowIds ids) {
        ids.requireInside(tableVD);
        Nd4jTensor yLD = memory.allocate(ids.count(), tableVD.dim(1));
        try (Nd4jMemory.Scratch _ = memory.scratch()) {
            Nd4jMath.gather(memory.inside(tableVD).rows(), Nd4j.createFromArray(ids.toArray()), yLD.rows());
        }
        return yLD;
    }

    void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable) {
        ids.requireInside(dTable);
        Shapes.require("dy", dyLD, ids.count(), dTable.dim(1));
        try (Nd4jMemory.Scratch _ = memory.scratch()) {
            Nd4jMath.scatterAdd(
                    memory.inside(dTable).rows(),
                    Nd4j.createFromArray(ids.toArray()),
                    memory.inside(dyLD).rows());
        }
    }

    Tensor[] split(Tensor xRD, int parts) {
        Shapes.requireRank("x", xRD, 2);
        if (parts < 1 || xRD.dim(1) % parts != 0) {
            throw new IllegalArgumentException(
                    "the columns of " + Shapes.text(xRD.shape()) + " cannot be cut into " + parts + " equal parts");
        }
        Nd4jTensor[] out = new Nd4jTensor[parts];
        Arrays.setAll(out, i -> memory.allocate(xRD.dim(0), xRD.dim(1) / parts));
        Nd4jMath.split(
                memory.inside(xRD).rows(),
                Arrays.stream(out).map(Nd4jTensor::rows).toArray(INDArray[]::new));
        return out;
    }

    Tensor concat(Tensor... parts) {
        int numColumns = 0;
        for (Tensor part : parts) {
            Shapes.requireRank("part", part, 2);
            Shapes.require("part", part, parts[0].dim(0), part.dim(1));
            numColumns += part.dim(1);
        }
        if (numColumns == 0) {
            throw new IllegalArgumentException("no parts to put side by side");
        }
        Nd4jTensor out = memory.allocate(parts[0].dim(0), numColumns);
        INDArray[] in =
                Arrays.stream(parts).map(part -> memory.inside(part).rows()).toArray(INDArray[]::new);
        Nd4jMath.concat(out.rows(), in);
        return out;
    }
}
