package io.kinema.recaption.captioner.onnx;

/**
 * Resizes pictures with the same bits as Pillow: along rows, then along columns, each rounded to whole values. The
 * filter widens as a picture shrinks.
 */
enum Resampling {
    /** A triangle. */
    BILINEAR(1) {
        @Override
        double weight(double x) {
            double distance = Math.abs(x);
            return distance < 1 ? 1 - distance : 0;
        }
    },
    /** Keys, Cubic convolution interpolation for digital image processing (1981), with a = −1/2. */
    BICUBIC(2) {
        @Override
        double weight(double x) {
            double distance = Math.abs(x);
            if (distance < 1) {
                return (1.5 * distance - 2.5) * distance * distance + 1;
            }
            return distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0;
        }
    };

    private static final int CHANNELS = 3;
    /** Bits of a weight's fraction: 32 less 8 bits of a value and 2 bits for sums that overshoot. */
    private static final int FRACTION_BITS = 22;

    /** Where the filter ends, in pixels of the larger picture. */
    private final double support;

    Resampling(double support) {
        this.support = support;
    }

    abstract double weight(double x);

    /**
     * The weights of a line's pixels: place {@code i} of the result is the sum of {@code weights[i][j]} times place
     * {@code first[i] + j}.
     */
    private record Weights(int[] first, int[][] weights) {
        int at(int i, byte[] values, int offset, int stride) {
            int sum = 1 << FRACTION_BITS - 1;
            int place = offset + first[i] * stride;
            for (int weight : weights[i]) {
                sum += weight * Byte.toUnsignedInt(values[place]);
                place += stride;
            }
            return Math.clamp(sum >> FRACTION_BITS, 0, 255);
        }
    }

    /**
     * Resizes a picture.
     *
     * @param valuesHWC its bytes
     * @param from its size
     * @param to the size of the result
     * @return the result's bytes, HWC
     */
    byte[] resize(byte[] valuesHWC, PictureSize from, PictureSize to) {
        Weights columns = weights(from.width(), to.width());
        byte[] narrowHWC = new byte[from.height() * to.width() * CHANNELS];
        for (int y = 0; y < from.height(); y++) {
            for (int x = 0; x < to.width(); x++) {
                for (int c = 0; c < CHANNELS; c++) {
                    narrowHWC[(y * to.width() + x) * CHANNELS + c] =
                            (byte) columns.at(x, valuesHWC, y * from.width() * CHANNELS + c, CHANNELS);
                }
            }
        }
        Weights rows = weights(from.height(), to.height());
        int rowBytes = to.width() * CHANNELS;
        byte[] resizedHWC = new byte[to.height() * rowBytes];
        for (int y = 0; y < to.height(); y++) {
            for (int i = 0; i < rowBytes; i++) {
                resizedHWC[y * rowBytes + i] = (byte) rows.at(y, narrowHWC, i, rowBytes);
            }
        }
        return resizedHWC;
    }

    private Weights weights(int from, int to) {
        double scale = (double) from / to;
        double stretch = Math.max(1, scale);
        int[] first = new int[to];
        int[][] weights = new int[to][];
        for (int i = 0; i < to; i++) {
            double centre = (i + 0.5) * scale;
            first[i] = Math.max(0, (int) (centre - support * stretch + 0.5));
            int end = Math.min(from, (int) (centre + support * stretch + 0.5));
            double[] exact = new double[end - first[i]];
            double sum = 0;
            for (int j = 0; j < exact.length; j++) {
                exact[j] = weight((first[i] + j - centre + 0.5) / stretch);
                sum += exact[j];
            }
            weights[i] = new int[exact.length];
            for (int j = 0; j < exact.length; j++) {
                double fixed = exact[j] / sum * (1 << FRACTION_BITS);
                weights[i][j] = (int) (fixed < 0 ? fixed - 0.5 : fixed + 0.5);
            }
        }
        return new Weights(first, weights);
    }
}
