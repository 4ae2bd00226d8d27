package io.kinema.train.tensor;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The upper half of an IEEE 754 binary32, {@link DType#BF16}: one sign, eight exponent and seven fraction bits.
 *
 * <p>Rounding is to the nearest value, and to the even one of two that are equally near. A value larger than the
 * largest becomes infinite. A NaN keeps its upper half and becomes quiet, as its lower half alone may tell it from an
 * infinity. Values and vectors round to the same bits.
 *
 * <p>Vectors are there because the compiler does not narrow or widen well: its own loops take three to ten times as
 * long.
 */
public final class Bfloat16 {
    /** The vectors of this machine. */
    public static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

    /** As many lanes as {@link #FLOATS}. */
    public static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;

    private static final int LOWER_BITS = 16;
    private static final int BELOW_HALF = 0x7fff;
    private static final int QUIET = 0x40_0000;

    private Bfloat16() {}

    /**
     * Rounds a value.
     *
     * @param value any
     * @return the bits of the nearest
     */
    public static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits | QUIET) >>> LOWER_BITS);
        }
        return (short) (bits + BELOW_HALF + (bits >>> LOWER_BITS & 1) >>> LOWER_BITS);
    }

    /**
     * Widens a value.
     *
     * @param bits of the value
     * @return the same value
     */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << LOWER_BITS);
    }

    /**
     * Rounds a vector.
     *
     * @param values of {@link #FLOATS}
     * @return the bits of the nearest, of {@link #SHORTS}
     */
    public static ShortVector of(FloatVector values) {
        IntVector bits = values.reinterpretAsInts();
        IntVector even = bits.lanewise(VectorOperators.LSHR, LOWER_BITS).and(1);
        IntVector rounded = bits.add(BELOW_HALF).add(even);
        rounded = rounded.blend(
                bits.or(QUIET), values.test(VectorOperators.IS_NAN).cast(INTS));
        return (ShortVector)
                rounded.lanewise(VectorOperators.LSHR, LOWER_BITS).convertShape(VectorOperators.I2S, SHORTS, 0);
    }

    /**
     * Widens a vector.
     *
     * @param bits of {@link #SHORTS}
     * @return the same values, of {@link #FLOATS}
     */
    public static FloatVector toFloats(ShortVector bits) {
        return ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, LOWER_BITS)
                .reinterpretAsFloats();
    }
}
