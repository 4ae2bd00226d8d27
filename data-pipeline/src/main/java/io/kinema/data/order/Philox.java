package io.kinema.data.order;

/**
 * The counter-based generator Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3; SC 2011,
 * section 3.3). A number is a function of the seed (the key) and of its use (the counter: index, step, clip, purpose).
 * So any process can compute it, at any time, any number of times.
 */
public final class Philox {
    private static final int MULTIPLIER_0 = 0xD2511F53;
    private static final int MULTIPLIER_1 = 0xCD9E8D57;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;
    private static final int ROUNDS = 10;
    private static final double TWO_POW_MINUS_32 = 0x1p-32;
    /** A word is a part of a turn; its upper two bits, rounded, are whole quarters of it. */
    private static final int QUARTER_BITS = 30;

    private static final int EIGHTH_TURN = 1 << 29;
    /** Powers up to which series go. */
    private static final int COSINE_TERMS = 16;

    private static final int SINE_TERMS = 17;

    private final int key0;
    private final int key1;

    /** The use of a number. Two purposes never share a number. Their order changes the numbers: add at the end only. */
    public enum Purpose {
        /** The start of a model's parameters. */
        INIT,
        /** The order of clips in an epoch. */
        SHUFFLE,
        /** Diffusion times. */
        TIME,
        /** The noise that is mixed with a clip. */
        NOISE,
        /** Whether a clip loses its caption. */
        CAPTION_DROPOUT,
        /** The noise that sampling begins with. */
        SAMPLE_START,
        /** The noise that ancestral sampling adds. */
        SAMPLE_STEP,
        /** Which of a clip's captions is used. */
        CAPTION_MIX,
        /** The tokens of a sampled caption. */
        CAPTION,
        /** The examples of a captioner's training step, and the shifts of their frames. */
        CAPTIONER_TRAINING,
        /** The draws of a bootstrap, for intervals of a result. */
        BOOTSTRAP
    }

    /**
     * Makes a generator.
     *
     * @param seed any number
     */
    public Philox(long seed) {
        this.key0 = (int) seed;
        this.key1 = (int) (seed >>> 32);
    }

    /**
     * Computes the bijection of the paper.
     *
     * @param counter four words; replaced by four random words
     */
    void scramble(int[] counter) {
        int c0 = counter[0];
        int c1 = counter[1];
        int c2 = counter[2];
        int c3 = counter[3];
        int k0 = key0;
        int k1 = key1;
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = Integer.toUnsignedLong(MULTIPLIER_0) * Integer.toUnsignedLong(c0);
            long product1 = Integer.toUnsignedLong(MULTIPLIER_1) * Integer.toUnsignedLong(c2);
            c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
            c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
            c1 = (int) product1;
            c3 = (int) product0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        counter[0] = c0;
        counter[1] = c1;
        counter[2] = c2;
        counter[3] = c3;
    }

    private int[] block(Purpose purpose, long step, long clip, int index) {
        int[] words = new int[4];
        block(purpose, step, clip, index, words);
        return words;
    }

    private void block(Purpose purpose, long step, long clip, int index, int[] words) {
        words[0] = index;
        words[1] = word(step, "step");
        words[2] = word(clip, "clip");
        words[3] = purpose.ordinal();
        scramble(words);
    }

    private static int word(long value, String name) {
        if (value < 0 || value > 0xFFFFFFFFL) {
            throw new IllegalArgumentException(name + "=" + value + " does not fit 32 bits");
        }
        return (int) value;
    }

    /**
     * Returns a number in (0, 1): the middle of one of 2³² equal parts.
     *
     * @param purpose use of the number
     * @param step of training or of another count, below 2³²
     * @param clip below 2³²
     * @param index of the number among those of this step and clip
     * @return never 0 or 1
     */
    public double uniform(Purpose purpose, long step, long clip, int index) {
        return unit(block(purpose, step, clip, index)[0]);
    }

    /**
     * Fills an array with numbers in (0, 1), four from each block.
     *
     * @param purpose use of the numbers
     * @param step below 2³²
     * @param clip below 2³²
     * @param out is overwritten
     */
    public void uniforms(Purpose purpose, long step, long clip, double[] out) {
        uniforms(purpose, step, clip, 0, out);
    }

    /**
     * Fills with a part of the numbers that {@link #uniforms(Purpose, long, long, double[])} gives a longer array.
     *
     * @param purpose what they are for
     * @param step below 2³²
     * @param clip below 2³²
     * @param first place of the first number in the longer array, a multiple of 4, below 2³⁴
     * @param out is overwritten
     */
    public void uniforms(Purpose purpose, long step, long clip, long first, double[] out) {
        int firstBlock = firstBlock(first);
        for (int i = 0; i < out.length; i += 4) {
            int[] words = block(purpose, step, clip, firstBlock + (i >>> 2));
            for (int j = 0; j < 4 && i + j < out.length; j++) {
                out[i + j] = unit(words[j]);
            }
        }
    }

    /**
     * Returns a whole number, its bias below 2⁻³² · bound.
     *
     * @param purpose use of the number
     * @param step below 2³²
     * @param clip below 2³²
     * @param index of the number among those of this step and clip
     * @param bound above 0
     * @return 0 … bound − 1
     */
    public int integer(Purpose purpose, long step, long clip, int index, int bound) {
        int word = block(purpose, step, clip, index)[0];
        return (int) ((Integer.toUnsignedLong(word) * bound) >>> 32);
    }

    /**
     * Fills an array with standard normal deviates (Box and Muller, 1958), the same on every machine. Whole quarters of
     * a turn are taken off an angle in integers. Cosine and sine of the rest, at most ±π/4, are Taylor series, exact to
     * 1e-16. {@code StrictMath} would allocate an array for each call.
     *
     * @param purpose use of the numbers
     * @param step below 2³²
     * @param clip below 2³²
     * @param out is overwritten from {@code offset} on
     * @param offset index of the first element to write
     * @param length number of elements
     */
    public void normals(Purpose purpose, long step, long clip, float[] out, int offset, int length) {
        normals(purpose, step, clip, 0, out, offset, length);
    }

    /** As {@link #normals(Purpose, long, long, float[], int, int)}, the deviates after so many blocks of four. */
    private void normals(Purpose purpose, long step, long clip, int firstBlock, float[] out, int offset, int length) {
        int[] words = new int[4];
        for (int i = 0; i < length; i += 4) {
            block(purpose, step, clip, firstBlock + (i >>> 2), words);
            for (int j = 0; j < 4 && i + j < length; j += 2) {
                double radius = StrictMath.sqrt(-2 * StrictMath.log(unit(words[j])));
                int quarters = words[j + 1] + EIGHTH_TURN >>> QUARTER_BITS;
                double angle =
                        2 * StrictMath.PI * ((words[j + 1] - (quarters << QUARTER_BITS) + 0.5) * TWO_POW_MINUS_32);
                double cosine = series(angle * angle, COSINE_TERMS);
                double sine = angle * series(angle * angle, SINE_TERMS);
                boolean isOdd = (quarters & 1) != 0;
                double sign = quarters >= 2 ? -radius : radius;
                out[offset + i + j] = (float) (sign * (isOdd ? -sine : cosine));
                if (i + j + 1 < length) {
                    out[offset + i + j + 1] = (float) (sign * (isOdd ? cosine : sine));
                }
            }
        }
    }

    /**
     * Fills with a part of the deviates that {@link #normals(Purpose, long, long, float[], int, int)} gives a longer
     * array.
     *
     * @param purpose what they are for
     * @param step below 2³²
     * @param clip below 2³²
     * @param first place of the first deviate in the longer array, a multiple of 4, below 2³⁴
     * @param out is overwritten
     */
    public void normals(Purpose purpose, long step, long clip, long first, float[] out) {
        normals(purpose, step, clip, firstBlock(first), out, 0, out.length);
    }

    /** The block of four words that a number comes from; blocks are counted by 32 bits. */
    private static int firstBlock(long first) {
        if (first % 4 != 0) {
            throw new IllegalArgumentException("first=" + first + " is no multiple of 4");
        }
        return word(first / 4, "first / 4");
    }

    /**
     * {@code 1 − x²/(n·(n−1)) + …}: the series of the cosine for even n from 2 up to {@code last}, of sin(x)/x for odd
     * n from 3.
     */
    private static double series(double square, int last) {
        double sum = 1;
        for (int n = last; n >= 2; n -= 2) {
            sum = 1 - square / (n * (n - 1)) * sum;
        }
        return sum;
    }

    private static double unit(int word) {
        return (Integer.toUnsignedLong(word) + 0.5) * TWO_POW_MINUS_32;
    }
}
