package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Vectors.FLOATS;
import static io.kinema.train.tensor.cpu.Vectors.LANES;
import static io.kinema.train.tensor.cpu.Vectors.load;
import static io.kinema.train.tensor.cpu.Vectors.store;

import io.kinema.train.tensor.Device;
import jdk.incubator.vector.FloatVector;

/**
 * Norms of one row of FP32, and their gradients. Rows are named by address and hold whole vectors: beyond their n
 * elements they are filled up by zeros, and what is beyond the n elements of a result is undefined.
 */
final class NormRows {
    private NormRows() {}

    private static float inverseRoot(float sumOfSquares, int n) {
        return (float) (1 / Math.sqrt((double) sumOfSquares / n + Device.NORM_EPSILON));
    }

    /** {@code y = x·r·weight} with {@code r = 1 / √(mean(x²) + NORM_EPSILON)}; y may be x. */
    static void rms(long x, long weight, long y, int n) {
        FloatVector r = FloatVector.broadcast(FLOATS, inverseRoot(RowKernels.sumOfSquares(x, n), n));
        for (int i = 0; i < n; i += LANES) {
            store(load(x + 4L * i).mul(r).mul(load(weight + 4L * i)), y + 4L * i);
        }
    }

    /**
     * {@code dx = r·(dy·weight − x·r²·mean(dy·weight·x))}, and {@code dWeight += dy·x·r}.
     *
     * @param dy gradient of the output
     * @param x the input
     * @param weight the weight
     * @param dx is written; may be dy or x
     * @param dWeight is added to
     * @param n the width
     */
    static void rmsBackward(long dy, long x, long weight, long dx, long dWeight, int n) {
        FloatVector squares = FloatVector.zero(FLOATS);
        FloatVector products = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += LANES) {
            FloatVector in = load(x + 4L * i);
            squares = in.fma(in, squares);
            products = in.fma(load(dy + 4L * i).mul(load(weight + 4L * i)), products);
        }
        float root = inverseRoot(Vectors.sum(squares), n);
        float back = -root * root * root * (Vectors.sum(products) / n);
        FloatVector r = FloatVector.broadcast(FLOATS, root);
        FloatVector along = FloatVector.broadcast(FLOATS, back);
        for (int i = 0; i < n; i += LANES) {
            FloatVector in = load(x + 4L * i);
            FloatVector grad = load(dy + 4L * i).mul(r);
            store(grad.fma(in, load(dWeight + 4L * i)), dWeight + 4L * i);
            store(in.fma(along, grad.mul(load(weight + 4L * i))), dx + 4L * i);
        }
    }

    /** The mean, up to which the row is filled, so that what is beyond its end does not deviate. */
    private static float meanFilled(long x, int n) {
        float mean = RowKernels.sum(x, n) / n;
        Lanes.fill(x, n, mean);
        return mean;
    }

    /** The sum of {@code (x − mean)²}. */
    private static float sumOfSquaredDeviations(long x, float mean, int n) {
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = FloatVector.zero(FLOATS);
        int pairs = n - n % (2 * LANES);
        for (int i = 0; i < pairs; i += 2 * LANES) {
            FloatVector a = load(x + 4L * i).sub(mean);
            FloatVector b = load(x + 4L * (i + LANES)).sub(mean);
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        for (int i = pairs; i < n; i += LANES) {
            FloatVector a = load(x + 4L * i).sub(mean);
            even = a.fma(a, even);
        }
        return Vectors.sum(even.add(odd));
    }

    /**
     * {@code y = (x − mean(x))·r} with {@code r = 1 / √(var(x) + NORM_EPSILON)}, which is returned; y may be x.
     *
     * @param x is filled up by its mean
     * @param y is written
     * @param n the width
     */
    static float normalise(long x, long y, int n) {
        float mean = meanFilled(x, n);
        float root = inverseRoot(sumOfSquaredDeviations(x, mean, n), n);
        FloatVector means = FloatVector.broadcast(FLOATS, mean);
        FloatVector r = FloatVector.broadcast(FLOATS, root);
        for (int i = 0; i < n; i += LANES) {
            store(load(x + 4L * i).sub(means).mul(r), y + 4L * i);
        }
        return root;
    }

    /**
     * The gradient of {@link #normalise}'s input, but for the factor r, from that of its output times onePlusScale,
     * plus a shift. With {@code g = dy·onePlusScale} and v the normed row: {@code dx = g − mean(g) − v·mean(g·v)};
     * dShift += dy and dScale += dy·v.
     *
     * @param dy gradient of the output
     * @param normed v
     * @param onePlusScale the modulation
     * @param dx is written; may be dy or v
     * @param dShiftAndScale is added to; a filled row of the one, then of the other
     * @param n the width
     */
    static void modulatedBackward(long dy, long normed, long onePlusScale, long dx, long dShiftAndScale, int n) {
        FloatVector grads = FloatVector.zero(FLOATS);
        FloatVector products = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += LANES) {
            FloatVector grad = load(dy + 4L * i).mul(load(onePlusScale + 4L * i));
            grads = grads.add(grad);
            products = grad.fma(load(normed + 4L * i), products);
        }
        FloatVector mean = FloatVector.broadcast(FLOATS, Vectors.sum(grads) / n);
        FloatVector along = FloatVector.broadcast(FLOATS, -Vectors.sum(products) / n);
        long dScale = dShiftAndScale + 4L * Lanes.filledLength(n);
        for (int i = 0; i < n; i += LANES) {
            FloatVector v = load(normed + 4L * i);
            FloatVector grad = load(dy + 4L * i);
            store(load(dShiftAndScale + 4L * i).add(grad), dShiftAndScale + 4L * i);
            store(grad.fma(v, load(dScale + 4L * i)), dScale + 4L * i);
            FloatVector scaled = grad.mul(load(onePlusScale + 4L * i)).sub(mean);
            store(v.fma(along, scaled), dx + 4L * i);
        }
    }
}
