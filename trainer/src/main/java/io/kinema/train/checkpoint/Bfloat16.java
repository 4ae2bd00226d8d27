package io.kinema.train.checkpoint;

/** The upper half of an IEEE 754 binary32, one sign, eight exponent and seven fraction bits. */
final class Bfloat16 {
    private static final int LOWER_BITS = 16;
    private static final int BELOW_HALF = 0x7fff;
    private static final int QUIET = 0x40;

    private Bfloat16() {}

    /**
     * Rounds to the nearest, of two equally near ones to the even; what is larger than the largest becomes infinite,
     * and a NaN stays one.
     */
    static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> LOWER_BITS | QUIET);
        }
        return (short) (bits + BELOW_HALF + (bits >>> LOWER_BITS & 1) >>> LOWER_BITS);
    }

    /** The same value. */
    static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << LOWER_BITS);
    }
}
