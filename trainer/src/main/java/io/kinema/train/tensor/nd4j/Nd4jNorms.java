package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Norms over rows. */
final class Nd4jNorms {
    private final Nd4jMemory memory;

    Nd4jNorms(Nd4jMemory memory) {
        this.memory = memory;
    }

    Tensor rmsNorm(Tensor xRD, Tensor weightD) {
        Shapes.requireColumns("weight", weightD, xRD);
        Nd4jTensor y = memory.allocate(xRD.shape());
        INDArray x = memory.inside(xRD).rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            Nd4jMath.multiply(x, inverseRoot(x, y.rows(), scratch), y.rows());
            Nd4jMath.multiply(y.rows(), memory.inside(weightD).rows(), y.rows());
        }
        return y;
    }

    Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight) {
        Shapes.requireColumns("weight", weightD, xRD);
        Shapes.requireColumns("dWeight", dWeight, xRD);
        Shapes.requireSame("dy", dyRD, "x", xRD);
        Nd4jTensor dx = memory.allocate(xRD.shape());
        INDArray x = memory.inside(xRD).rows();
        INDArray dy = memory.inside(dyRD).rows();
        INDArray out = dx.rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray rstdR1 = inverseRoot(x, out, scratch);
            INDArray normed = scratch.like(x);
            Nd4jMath.multiply(x, rstdR1, normed);
            Nd4jMath.multiply(dy, normed, out);
            addColumnSums(out, memory.inside(dWeight).rows());
            Nd4jMath.multiply(out, memory.inside(weightD).rows(), out);
            INDArray meanR1 = rowMeans(out, scratch);
            Nd4jMath.multiply(normed, meanR1, normed);
            Nd4jMath.multiply(dy, memory.inside(weightD).rows(), out);
            Nd4jMath.subtract(out, normed, out);
            Nd4jMath.multiply(out, rstdR1, out);
        }
        return dx;
    }

    Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.require("shift", shiftSD, segments.count(), xLD.dim(1));
        Shapes.require("scale", scaleSD, segments.count(), xLD.dim(1));
        Nd4jTensor yLD = memory.allocate(xLD.shape());
        INDArray y = yLD.rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            normalise(memory.inside(xLD).rows(), y, scratch);
            Nd4jMath.multiply(y, onePlus(scaleSD, segments, scratch), y);
            Nd4jMath.add(y, scratch.expanded(memory.inside(shiftSD).rows(), segments), y);
        }
        return yLD;
    }

    /** With n the normed rows and {@code g = dy·(1 + scale)}: {@code dx = (g − mean(g) − n·mean(g·n)) / σ}. */
    Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.requireSame("dy", dyLD, "x", xLD);
        Shapes.require("scale", scaleSD, segments.count(), xLD.dim(1));
        Shapes.require("dShift", dShift, segments.count(), xLD.dim(1));
        Shapes.require("dScale", dScale, segments.count(), xLD.dim(1));
        Nd4jTensor dxLD = memory.allocate(xLD.shape());
        INDArray dy = memory.inside(dyLD).rows();
        INDArray dx = dxLD.rows();
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray normed = scratch.like(dy);
            INDArray rstdL1 = normalise(memory.inside(xLD).rows(), normed, scratch);
            addSegmentSums(memory.inside(dyLD), segments, memory.inside(dShift));
            Nd4jMath.multiply(dy, normed, dx);
            addSegmentSums(dxLD, segments, memory.inside(dScale));
            INDArray onePlusScale = onePlus(scaleSD, segments, scratch);
            Nd4jMath.multiply(dx, onePlusScale, dx);
            Nd4jMath.multiply(normed, rowMeans(dx, scratch), normed);
            Nd4jMath.multiply(dy, onePlusScale, dx);
            Nd4jMath.subtract(dx, rowMeans(dx, scratch), dx);
            Nd4jMath.subtract(dx, normed, dx);
            Nd4jMath.multiply(dx, rstdL1, dx);
        }
        return dxLD;
    }

    /** Writes {@code (x − mean(x)) / σ} and returns 1 / σ as a column. */
    private INDArray normalise(INDArray x, INDArray out, Nd4jMemory.Scratch scratch) {
        INDArray squares = scratch.like(x);
        Nd4jMath.subtract(x, rowMeans(x, scratch), out);
        INDArray rstdL1 = inverseRoot(out, squares, scratch);
        Nd4jMath.multiply(out, rstdL1, out);
        return rstdL1;
    }

    private INDArray onePlus(Tensor scaleSD, Segments segments, Nd4jMemory.Scratch scratch) {
        INDArray scale = memory.inside(scaleSD).rows();
        INDArray onePlusScale = scratch.like(scale);
        Nd4jMath.add(scale, 1, onePlusScale);
        return scratch.expanded(onePlusScale, segments);
    }

    /** {@code 1 / √(mean(x²) + NORM_EPSILON)} of each row, as a column; the squares are left in a matrix like x. */
    private INDArray inverseRoot(INDArray x, INDArray squares, Nd4jMemory.Scratch scratch) {
        Nd4jMath.square(x, squares);
        INDArray columnR1 = rowMeans(squares, scratch);
        Nd4jMath.add(columnR1, Device.NORM_EPSILON, columnR1);
        Nd4jMath.squareRoot(columnR1, columnR1);
        Nd4jMath.divideBy(1, columnR1, columnR1);
        return columnR1;
    }

    private INDArray rowMeans(INDArray x, Nd4jMemory.Scratch scratch) {
        INDArray meanR1 = scratch.matrix(x.rows(), 1);
        Nd4jMath.matmul(of(x), of(memory.onesColumn(x.columns())), 1.0 / x.columns(), 0, meanR1);
        return meanR1;
    }

    private void addColumnSums(INDArray x, INDArray into) {
        Nd4jMath.matmul(of(memory.onesRow(x.rows())), of(x), 1, 1, into);
    }

    private void addSegmentSums(Nd4jTensor xLD, Segments segments, Nd4jTensor into) {
        for (int s = 0; s < segments.count(); s++) {
            addColumnSums(xLD.rows(segments.offset(s), segments.length(s)), into.rows(s, 1));
        }
    }
}
