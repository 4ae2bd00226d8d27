package io.kinema.train.tensor.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.reduce.same.Max;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarAdd;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarMultiplication;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarReverseDivision;
import org.nd4j.linalg.api.ops.impl.scalar.ScalarReverseSubtraction;
import org.nd4j.linalg.api.ops.impl.transforms.floating.Sqrt;
import org.nd4j.linalg.api.ops.impl.transforms.same.Square;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Log;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The few calls to ND4J's kernels that all operations are written in. Every call writes into an array that it is given,
 * which may be an input of the elementwise ones, and allocates nothing that outlives it.
 */
final class Nd4jMath {
    private Nd4jMath() {}

    /**
     * One side of a matrix product.
     *
     * @param array a matrix, or a stack of matrices [N, rows, columns]
     * @param transposed whether its last two axes change places
     */
    record Factor(INDArray array, boolean transposed) {}

    static Factor of(INDArray array) {
        return new Factor(array, false);
    }

    static Factor transposed(INDArray array) {
        return new Factor(array, true);
    }

    /** {@code out = alpha·a·b + beta·out}, by BLAS, for each matrix of the stack. */
    static void matmul(Factor a, Factor b, double alpha, double beta, INDArray out) {
        Nd4j.exec(DynamicCustomOp.builder("matmul")
                .addInputs(a.array, b.array)
                .addOutputs(out)
                .addIntegerArguments(a.transposed ? 1 : 0, b.transposed ? 1 : 0, 0)
                .addFloatingPointArguments(alpha, beta)
                .build());
    }

    // Either operand of these may be one row or one column, which is then repeated.

    static void add(INDArray a, INDArray b, INDArray out) {
        a.add(b, out);
    }

    static void subtract(INDArray a, INDArray b, INDArray out) {
        a.sub(b, out);
    }

    static void multiply(INDArray a, INDArray b, INDArray out) {
        a.mul(b, out);
    }

    static void divide(INDArray a, INDArray b, INDArray out) {
        a.div(b, out);
    }

    // The scalar operations of INDArray itself would take a NaN for 1e-5; these do not.

    static void add(INDArray a, double b, INDArray out) {
        Nd4j.exec(new ScalarAdd(a, null, out, b));
    }

    static void multiply(INDArray a, double b, INDArray out) {
        Nd4j.exec(new ScalarMultiplication(a, null, out, b));
    }

    /** {@code out = b − a}. */
    static void subtractFrom(double b, INDArray a, INDArray out) {
        Nd4j.exec(new ScalarReverseSubtraction(a, null, out, b));
    }

    /** {@code out = b / a}. */
    static void divideBy(double b, INDArray a, INDArray out) {
        Nd4j.exec(new ScalarReverseDivision(a, null, out, b));
    }

    static void square(INDArray a, INDArray out) {
        Nd4j.exec(new Square(a, out));
    }

    static void squareRoot(INDArray a, INDArray out) {
        Nd4j.exec(new Sqrt(a, out));
    }

    static void exp(INDArray a, INDArray out) {
        Nd4j.exec(new Exp(a, out));
    }

    static void log(INDArray a, INDArray out) {
        Nd4j.exec(new Log(a, out));
    }

    static void sigmoid(INDArray a, INDArray out) {
        Nd4j.exec(new Sigmoid(a, out));
    }

    /**
     * The greatest element of each row.
     *
     * @param a [R, C]
     * @param out [R, 1]
     */
    static void rowMaximum(INDArray a, INDArray out) {
        Nd4j.exec(new Max(a, out, true, 1));
    }

    /**
     * Rows of a table.
     *
     * @param table [V, D]
     * @param ids [L], int32
     * @param out [L, D]
     */
    static void gather(INDArray table, INDArray ids, INDArray out) {
        Nd4j.exec(DynamicCustomOp.builder("gather")
                .addInputs(table, ids)
                .addIntegerArguments(0)
                .addOutputs(out)
                .build());
    }

    /** Adds rows to a table's rows in the order of the ids: the reverse of {@link #gather}. */
    static void scatterAdd(INDArray table, INDArray ids, INDArray rows) {
        boolean inOrder = true;
        Nd4j.exec(DynamicCustomOp.builder("scatter_add")
                .addInputs(table, ids, rows)
                .addBooleanArguments(inOrder)
                .addOutputs(table)
                .build());
    }

    /** Cuts columns into equal parts. */
    static void split(INDArray a, INDArray... out) {
        Nd4j.exec(DynamicCustomOp.builder("split")
                .addInputs(a)
                .addIntegerArguments(out.length, 1)
                .addOutputs(out)
                .build());
    }

    /** Puts columns side by side. */
    static void concat(INDArray out, INDArray... parts) {
        Nd4j.exec(DynamicCustomOp.builder("concat")
                .addInputs(parts)
                .addIntegerArguments(1)
                .addOutputs(out)
                .build());
    }
}
