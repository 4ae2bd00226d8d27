package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Lanes.load;
import static io.kinema.train.tensor.cpu.Lanes.store;
import static io.kinema.train.tensor.cpu.Vectors.FLOATS;
import static io.kinema.train.tensor.cpu.Vectors.LANES;

import io.kinema.train.tensor.Device;
import jdk.incubator.vector.FloatVector;

/** Norms of one row of FP32, and their gradients. Rows are named by address. */
final class NormRows {
    private NormRows() {}

    private static float inverseRoot(float sumOfSquares, int n) {
        return (float) (1 / Math.sqrt((double) sumOfSquares / n + Device.NORM_EPSILON));
    }

    /** {@code y = x·r·weight} with {@code r = 1 / √(mean(x²) + NORM_EPSILON)}; y may be x. */
    static void rms(long x, long weight, long y, int n) {
        FloatVector r = FloatVector.broadcast(FLOATS, inverseRoot(Rows.sumOfSquares(x, n), n));
        for (int i = 0; i < n; i += LANES) {
            store(load(x, i, n).mul(r).mul(load(weight, i, n)), y, i, n);
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
            FloatVector in = load(x, i, n);
            squares = in.fma(in, squares);
            products = in.fma(load(dy, i, n).mul(load(weight, i, n)), products);
        }
        float root = inverseRoot(Vectors.sum(squares), n);
        float back = -root * root * root * (Vectors.sum(products) / n);
        FloatVector r = FloatVector.broadcast(FLOATS, root);
        FloatVector along = FloatVector.broadcast(FLOATS, back);
        for (int i = 0; i < n; i += LANES) {
            FloatVector in = load(x, i, n);
            FloatVector grad = load(dy, i, n).mul(r);
            store(grad.fma(in, load(dWeight, i, n)), dWeight, i, n);
            store(in.fma(along, grad.mul(load(weight, i, n))), dx, i, n);
        }
    }

    /** The row less its mean; 0 in the lanes beyond its end. */
    private static FloatVector deviation(long x, float mean, int i, int n) {
        FloatVector all = load(x, i, n).sub(mean);
        return i <= n - LANES ? all : FloatVector.zero(FLOATS).blend(all, Vectors.tail(i, n));
    }

    /** The sum of {@code (x − mean)²}. */
    private static float sumOfSquaredDeviations(long x, float mean, int n) {
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = FloatVector.zero(FLOATS);
        int pairs = n - n % (2 * LANES);
        for (int i = 0; i < pairs; i += 2 * LANES) {
            FloatVector a = Vectors.load(x + 4L * i).sub(mean);
            FloatVector b = Vectors.load(x + 4L * (i + LANES)).sub(mean);
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        for (int i = pairs; i < n; i += LANES) {
            FloatVector a = deviation(x, mean, i, n);
            even = a.fma(a, even);
        }
        return Vectors.sum(even.add(odd));
    }

    /** {@code y = (x − mean(x)) / √(var(x) + NORM_EPSILON) · onePlusScale + shift}; y may be x. */
    static void layer(long x, long onePlusScale, long shift, long y, int n) {
        float mean = Rows.sum(x, n) / n;
        FloatVector means = FloatVector.broadcast(FLOATS, mean);
        FloatVector r = FloatVector.broadcast(FLOATS, inverseRoot(sumOfSquaredDeviations(x, mean, n), n));
        for (int i = 0; i < n; i += LANES) {
            FloatVector normed = load(x, i, n).sub(means).mul(r);
            store(normed.fma(load(onePlusScale, i, n), load(shift, i, n)), y, i, n);
        }
    }

    /**
     * With v the normed row and {@code g = dy·onePlusScale}: {@code dx = r·(g − mean(g) − v·mean(g·v))}; dShift += dy and dScale += dy·v.
     *
     * @param dy gradient of the output
     * @param x the input
     * @param onePlusScale the modulation
     * @param dx is written; may be dy or x
     * @param dShiftAndScale is added to; n of the one, then n of the other
     * @param n the width
     */
    static void layerBackward(long dy, long x, long onePlusScale, long dx, long dShiftAndScale, int n) {
        float mean = Rows.sum(x, n) / n;
        FloatVector means = FloatVector.broadcast(FLOATS, mean);
        FloatVector squares = FloatVector.zero(FLOATS);
        FloatVector grads = FloatVector.zero(FLOATS);
        FloatVector products = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += LANES) {
            FloatVector deviation = deviation(x, mean, i, n);
            FloatVector grad = load(dy, i, n).mul(load(onePlusScale, i, n));
            squares = deviation.fma(deviation, squares);
            grads = grads.add(grad);
            products = grad.fma(deviation, products);
        }
        float root = inverseRoot(Vectors.sum(squares), n);
        FloatVector r = FloatVector.broadcast(FLOATS, root);
        FloatVector meanGrad = FloatVector.broadcast(FLOATS, Vectors.sum(grads) / n);
        FloatVector along = FloatVector.broadcast(FLOATS, -root * (Vectors.sum(products) / n));
        long dScale = dShiftAndScale + 4L * n;
        for (int i = 0; i < n; i += LANES) {
            FloatVector normed = load(x, i, n).sub(means).mul(r);
            FloatVector grad = load(dy, i, n);
            store(load(dShiftAndScale, i, n).add(grad), dShiftAndScale, i, n);
            store(grad.fma(normed, load(dScale, i, n)), dScale, i, n);
            FloatVector scaled = grad.mul(load(onePlusScale, i, n)).sub(meanGrad);
            store(normed.fma(along, scaled).mul(r), dx, i, n);
        }
    }
}
