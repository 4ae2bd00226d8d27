package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;

import io.kinema.train.tensor.HostScalars;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What treats each segment of a packed sequence by its own gate, weight, mean or error. */
final class Nd4jSegments {
    private final Nd4jMemory memory;

    Nd4jSegments(Nd4jMemory memory) {
        this.memory = memory;
    }

    Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.requireSame("y", yLD, "x", xLD);
        Shapes.require("gate", gateSD, segments.count(), xLD.dim(1));
        Nd4jTensor out = memory.allocate(xLD.shape());
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray gateLD = scratch.expanded(memory.inside(gateSD).rows(), segments);
            Nd4jMath.multiply(memory.inside(yLD).rows(), gateLD, out.rows());
        }
        Nd4jMath.add(out.rows(), memory.inside(xLD).rows(), out.rows());
        return out;
    }

    Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate) {
        Shapes.requireRows("y", yLD, segments);
        Shapes.requireSame("dOut", dOutLD, "y", yLD);
        Shapes.require("gate", gateSD, segments.count(), yLD.dim(1));
        Shapes.require("dGate", dGate, segments.count(), yLD.dim(1));
        Nd4jTensor dyLD = memory.allocate(yLD.shape());
        INDArray dOut = memory.inside(dOutLD).rows();
        Nd4jMath.multiply(dOut, memory.inside(yLD).rows(), dyLD.rows());
        for (int s = 0; s < segments.count(); s++) {
            addRowSum(dyLD, segments, s, 1, memory.inside(dGate));
        }
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray gateLD = scratch.expanded(memory.inside(gateSD).rows(), segments);
            Nd4jMath.multiply(dOut, gateLD, dyLD.rows());
        }
        return dyLD;
    }

    Tensor segmentMean(Tensor xLD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        Nd4jTensor meanSD = memory.allocate(segments.count(), xLD.dim(1));
        meanSD.rows().assign(0);
        for (int s = 0; s < segments.count(); s++) {
            addRowSum(memory.inside(xLD), segments, s, 1.0 / segments.length(s), meanSD);
        }
        return meanSD;
    }

    Tensor segmentMeanBackward(Tensor dySD, Segments segments) {
        Shapes.require("dy", dySD, segments.count(), dySD.dim(1));
        Nd4jTensor dxLD = memory.allocate(segments.total(), dySD.dim(1));
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray dyLD = scratch.expanded(memory.inside(dySD).rows(), segments);
            Nd4jMath.multiply(dyLD, scratch.column(s -> 1.0 / segments.length(s), segments), dxLD.rows());
        }
        return dxLD;
    }

    /** Adds the weighted sum of segment s's rows to row s. */
    private void addRowSum(Nd4jTensor xLD, Segments segments, int s, double weight, Nd4jTensor intoSD) {
        INDArray rows = xLD.rows(segments.offset(s), segments.length(s));
        Nd4jMath.matmul(of(memory.onesRow(segments.length(s))), of(rows), weight, 1, intoSD.rows(s, 1));
    }

    Tensor mix(Tensor aLP, Tensor bLP, SegmentWeights weightA, SegmentWeights weightB, Segments segments) {
        Shapes.requireRows("a", aLP, segments);
        Shapes.requireSame("b", bLP, "a", aLP);
        weightA.requireFit(segments);
        weightB.requireFit(segments);
        Nd4jTensor out = memory.allocate(aLP.shape());
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray a = memory.inside(aLP).rows();
            INDArray term = scratch.like(a);
            Nd4jMath.multiply(memory.inside(bLP).rows(), scratch.column(weightB::get, segments), term);
            Nd4jMath.multiply(a, scratch.column(weightA::get, segments), out.rows());
            Nd4jMath.add(out.rows(), term, out.rows());
        }
        return out;
    }

    SquaredError squaredError(
            Tensor predictionLP, Tensor targetLP, Tensor weightL, Segments segments, double scale, Scalars sumS) {
        Shapes.requireRows("prediction", predictionLP, segments);
        Shapes.requireSame("target", targetLP, "prediction", predictionLP);
        Shapes.require("weight", weightL, segments.total());
        INDArray weightL1 = memory.inside(weightL).matrix(segments.total(), 1);
        Nd4jTensor dPrediction = memory.allocate(predictionLP.shape());
        INDArray difference = dPrediction.rows();
        Nd4jMath.subtract(
                memory.inside(predictionLP).rows(), memory.inside(targetLP).rows(), difference);
        double[] sums = HostScalars.values(sumS);
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray squares = scratch.squaredInDouble(difference);
            Nd4jMath.multiply(squares, weightL1.castTo(DataType.DOUBLE), squares);
            double[] sumL = squares.sum(1).data().asDouble();
            for (int s = 0; s < sums.length; s++) {
                for (int row = segments.offset(s); row < segments.offset(s + 1); row++) {
                    sums[s] += sumL[row];
                }
            }
        }
        Nd4jMath.multiply(difference, 2 * scale, difference);
        Nd4jMath.multiply(difference, weightL1, difference);
        return new SquaredError(sumS, dPrediction);
    }
}
