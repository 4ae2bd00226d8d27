package io.kinema.train.tensor.cpu;

/**
 * Cuts flat vectors for what is done to each element by itself: into tiles for the workers, and those into pieces that
 * stay in the innermost cache while they are widened, worked on and narrowed.
 */
final class Pieces {
    /** Elements of a piece, at most. */
    static final int LENGTH = 1024;

    private static final int PER_TILE = 16;

    private Pieces() {}

    /** What is done to a piece. */
    interface Piece {
        /**
         * Works on one piece.
         *
         * @param first its first element
         * @param n how many elements, 1 to {@link #LENGTH}
         * @param worker who works
         */
        void run(long first, int n, int worker);
    }

    static void run(Workers workers, long size, Piece piece) {
        long tileLength = (long) LENGTH * PER_TILE;
        int numTiles = Math.toIntExact((size + tileLength - 1) / tileLength);
        workers.run(numTiles, (tile, worker) -> {
            long end = Math.min(size, (tile + 1) * tileLength);
            for (long first = tile * tileLength; first < end; first += LENGTH) {
                piece.run(first, (int) Math.min(LENGTH, end - first), worker);
            }
        });
    }
}
