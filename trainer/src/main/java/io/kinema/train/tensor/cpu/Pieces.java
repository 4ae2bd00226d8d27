package io.kinema.train.tensor.cpu;

/**
 * Cuts flat vectors for what is done to each element by itself: into tiles for the workers, and those into pieces that
 * stay in the innermost cache while they are widened, worked on and narrowed. Used by one thread at a time.
 */
final class Pieces implements Workers.Tile {
    /** Elements of a piece, at most. */
    static final int LENGTH = 1024;

    private static final long TILE_LENGTH = 16L * LENGTH;

    private final Workers workers;
    private long size;
    private Piece piece;

    Pieces(Workers workers) {
        this.workers = workers;
    }

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

    /** Works on all pieces of a vector of so many elements. */
    void run(long vectorSize, Piece work) {
        size = vectorSize;
        piece = work;
        workers.run(Math.toIntExact(Math.ceilDiv(size, TILE_LENGTH)), this);
        piece = null;
    }

    @Override
    public void run(int tile, int worker) {
        long end = Math.min(size, (tile + 1) * TILE_LENGTH);
        for (long first = tile * TILE_LENGTH; first < end; first += LENGTH) {
            piece.run(first, (int) Math.min(LENGTH, end - first), worker);
        }
    }
}
