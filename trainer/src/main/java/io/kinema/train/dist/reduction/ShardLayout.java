package io.kinema.train.dist.reduction;

import java.util.stream.LongStream;

/**
 * Which contiguous range of a flat vector each rank owns.
 *
 * <p>Cuts fall at multiples of {@code alignment} only; shards differ by at most one alignment block; a rank may own
 * nothing when there are fewer blocks than ranks.
 *
 * @param numElements length of the whole vector, a multiple of {@code alignment}
 * @param alignment elements in an alignment block, at least 1
 * @param worldSize number of ranks, at least 1
 */
public record ShardLayout(long numElements, int alignment, int worldSize) {
    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException when a size is out of range or the length is not a multiple of the alignment
     */
    public ShardLayout {
        if (numElements < 0 || alignment < 1 || worldSize < 1) {
            throw new IllegalArgumentException("numElements=" + numElements + ", alignment=" + alignment
                    + ", worldSize=" + worldSize + ": out of range");
        }
        if (numElements % alignment != 0) {
            throw new IllegalArgumentException(
                    "numElements=" + numElements + " is not a multiple of alignment=" + alignment + "; pad the vector");
        }
    }

    /**
     * Returns the first element that a rank owns; {@code offset(worldSize())} is the vector's length.
     *
     * @param rank 0 to worldSize inclusive
     * @return an element index, a multiple of the alignment
     */
    public long offset(int rank) {
        return Math.multiplyExact(numElements / alignment, (long) rank) / worldSize * alignment;
    }

    /**
     * Returns how many elements a rank owns.
     *
     * @param rank 0 to worldSize − 1
     * @return at least 0, a multiple of the alignment
     */
    public long length(int rank) {
        return offset(rank + 1) - offset(rank);
    }

    /**
     * Where each rank's range begins, and the last one ends: world size + 1 offsets.
     *
     * @return in elements, one more than there are ranks
     */
    public long[] offsets() {
        return LongStream.rangeClosed(0, worldSize)
                .map(rank -> offset((int) rank))
                .toArray();
    }
}
