package io.kinema.recaption.captioner.layer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A view of a matrix of floats in memory, row after row, and operations on its rows. The caller keeps the viewed array
 * reachable while the view is in use ({@link java.lang.ref.Reference#reachabilityFence}).
 *
 * @param memory {@code rows·columns} floats
 * @param rows number of rows
 * @param columns number of columns
 */
record FloatRows(MemorySegment memory, int rows, int columns) {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** Views an array from {@link #inOrder} as a matrix with as many columns as its last dimension has. */
    static FloatRows of(INDArray array) {
        int columns = Math.toIntExact(array.size(array.rank() - 1));
        return of(array, columns);
    }

    /** Views an array from {@link #inOrder} as a matrix of so many columns. */
    static FloatRows of(INDArray array, int columns) {
        long address = array.data().address() + Float.BYTES * array.offset();
        return new FloatRows(
                MemorySegment.ofAddress(address).reinterpret(Float.BYTES * array.length()),
                Math.toIntExact(array.length() / columns),
                columns);
    }

    /** Returns the values in C order without gaps: the array itself, or a copy if the array has another layout. */
    static INDArray inOrder(INDArray array) {
        if (array.dataType() != DataType.FLOAT) {
            throw new IllegalArgumentException("an array of " + array.dataType() + "; only FLOAT is supported");
        }
        boolean isInOrder = array.ordering() == 'c' && array.stride(array.rank() - 1) == 1 && isDense(array);
        return isInOrder ? array : array.dup('c');
    }

    private static boolean isDense(INDArray array) {
        long dense = 1;
        for (int i = array.rank() - 1; i >= 0; i--) {
            if (array.size(i) != 1 && array.stride(i) != dense) {
                return false;
            }
            dense *= array.size(i);
        }
        return true;
    }

    /** Views neighbouring rows as one long row. */
    FloatRows asRow(int firstRow, int numRows) {
        return new FloatRows(
                memory.asSlice(at(firstRow, 0), (long) Float.BYTES * numRows * columns), 1, numRows * columns);
    }

    private long at(int row, int column) {
        return Float.BYTES * ((long) row * columns + column);
    }

    float get(int row, int column) {
        return memory.get(ValueLayout.JAVA_FLOAT, at(row, column));
    }

    void set(int row, int column, float value) {
        memory.set(ValueLayout.JAVA_FLOAT, at(row, column), value);
    }

    void clear() {
        memory.fill((byte) 0);
    }

    /** Copies {@code count} values. */
    void copyFrom(FloatRows from, int fromRow, int fromColumn, int row, int column, int count) {
        MemorySegment.copy(
                from.memory, from.at(fromRow, fromColumn), memory, at(row, column), (long) Float.BYTES * count);
    }

    /** Adds {@code factor} times {@code count} values. */
    void add(float factor, FloatRows from, int fromRow, int fromColumn, int row, int column, int count) {
        long to = at(row, column);
        long source = from.at(fromRow, fromColumn);
        int i = 0;
        for (; i < LANES.loopBound(count); i += LANES.length()) {
            long offset = (long) Float.BYTES * i;
            FloatVector terms = FloatVector.fromMemorySegment(LANES, from.memory, source + offset, ORDER);
            FloatVector sums = FloatVector.fromMemorySegment(LANES, memory, to + offset, ORDER);
            terms.fma(FloatVector.broadcast(LANES, factor), sums).intoMemorySegment(memory, to + offset, ORDER);
        }
        for (; i < count; i++) {
            long offset = (long) Float.BYTES * i;
            float sum = Math.fma(
                    from.memory.get(ValueLayout.JAVA_FLOAT, source + offset),
                    factor,
                    memory.get(ValueLayout.JAVA_FLOAT, to + offset));
            memory.set(ValueLayout.JAVA_FLOAT, to + offset, sum);
        }
    }

    /** Adds {@code factor} times a whole row of another matrix to one of this. */
    void add(float factor, FloatRows from, int fromRow, int row) {
        add(factor, from, fromRow, 0, row, 0, columns);
    }

    /** The inner product of a row of this and of another matrix of as many columns. */
    float dot(int row, FloatRows other, int otherRow) {
        long a = at(row, 0);
        long b = other.at(otherRow, 0);
        FloatVector sums = FloatVector.zero(LANES);
        int i = 0;
        for (; i < LANES.loopBound(columns); i += LANES.length()) {
            long offset = (long) Float.BYTES * i;
            FloatVector left = FloatVector.fromMemorySegment(LANES, memory, a + offset, ORDER);
            sums = left.fma(FloatVector.fromMemorySegment(LANES, other.memory, b + offset, ORDER), sums);
        }
        float sum = sumOf(sums);
        for (; i < columns; i++) {
            long offset = (long) Float.BYTES * i;
            sum += memory.get(ValueLayout.JAVA_FLOAT, a + offset)
                    * other.memory.get(ValueLayout.JAVA_FLOAT, b + offset);
        }
        return sum;
    }

    /** Adds lane after lane. {@code reduceLanes} adds in another order in the interpreter than in compiled code. */
    private static float sumOf(FloatVector lanes) {
        float sum = 0;
        for (int i = 0; i < LANES.length(); i++) {
            sum += lanes.lane(i);
        }
        return sum;
    }

    /** The sum of a row. */
    float sum(int row) {
        long a = at(row, 0);
        FloatVector sums = FloatVector.zero(LANES);
        int i = 0;
        for (; i < LANES.loopBound(columns); i += LANES.length()) {
            sums = sums.add(FloatVector.fromMemorySegment(LANES, memory, a + (long) Float.BYTES * i, ORDER));
        }
        float sum = sumOf(sums);
        for (; i < columns; i++) {
            sum += memory.get(ValueLayout.JAVA_FLOAT, a + (long) Float.BYTES * i);
        }
        return sum;
    }

    /** {@code value · factor + shift}, for a whole row. */
    void scale(int row, float factor, float shift) {
        long a = at(row, 0);
        int i = 0;
        FloatVector factors = FloatVector.broadcast(LANES, factor);
        FloatVector shifts = FloatVector.broadcast(LANES, shift);
        for (; i < LANES.loopBound(columns); i += LANES.length()) {
            long place = a + (long) Float.BYTES * i;
            FloatVector.fromMemorySegment(LANES, memory, place, ORDER)
                    .fma(factors, shifts)
                    .intoMemorySegment(memory, place, ORDER);
        }
        for (; i < columns; i++) {
            long place = a + (long) Float.BYTES * i;
            memory.set(
                    ValueLayout.JAVA_FLOAT, place, Math.fma(memory.get(ValueLayout.JAVA_FLOAT, place), factor, shift));
        }
    }

    /** Puts {@code max(0, value + shift)} of a whole row into another matrix. */
    void shiftAndRectify(int row, FloatRows shifts, FloatRows rectified) {
        int i = 0;
        for (; i < LANES.loopBound(columns); i += LANES.length()) {
            shifted(row, i, shifts).max(0).intoMemorySegment(rectified.memory, rectified.at(row, i), ORDER);
        }
        for (; i < columns; i++) {
            rectified.set(row, i, Math.max(0, get(row, i) + shifts.get(0, i)));
        }
    }

    /** Sets the gradient to 0 wherever {@link #shiftAndRectify} of a row of {@code values} gave 0. */
    void rectifyBackward(int row, FloatRows values, FloatRows shifts) {
        int i = 0;
        for (; i < LANES.loopBound(columns); i += LANES.length()) {
            VectorMask<Float> isOff = values.shifted(row, i, shifts).compare(VectorOperators.LE, 0);
            FloatVector.fromMemorySegment(LANES, memory, at(row, i), ORDER)
                    .blend(0, isOff)
                    .intoMemorySegment(memory, at(row, i), ORDER);
        }
        for (; i < columns; i++) {
            if (values.get(row, i) + shifts.get(0, i) <= 0) {
                set(row, i, 0);
            }
        }
    }

    private FloatVector shifted(int row, int column, FloatRows shifts) {
        return FloatVector.fromMemorySegment(LANES, memory, at(row, column), ORDER)
                .add(FloatVector.fromMemorySegment(LANES, shifts.memory, shifts.at(0, column), ORDER));
    }
}
