package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Segments;
import java.util.Arrays;

/** Rows of segments cut into tiles, none of which crosses from one segment into another. */
final class SegmentTiles {
    /** Rows of a tile, at most. */
    static final int ROWS = 64;

    private final Segments segments;
    /** [S + 1]. */
    private final int[] firstTiles;

    private SegmentTiles(Segments segments) {
        this.segments = segments;
        firstTiles = new int[segments.count() + 1];
        for (int s = 0; s < segments.count(); s++) {
            firstTiles[s + 1] = firstTiles[s] + (segments.length(s) + ROWS - 1) / ROWS;
        }
    }

    /** The tiles that a device cuts a table into, once for all operations that take the table. */
    static SegmentTiles of(Memory device, Segments segments) {
        return segments.copies().of(device, SegmentTiles.class, () -> new SegmentTiles(segments));
    }

    int count() {
        return firstTiles[firstTiles.length - 1];
    }

    /** The first tile of a segment; that of segment S is the number of tiles. */
    int firstTile(int s) {
        return firstTiles[s];
    }

    /** The segment that a tile belongs to. */
    int segment(int tile) {
        int found = Arrays.binarySearch(firstTiles, tile);
        return found >= 0 ? found : -found - 2;
    }

    int firstRow(int tile) {
        int s = segment(tile);
        return segments.offset(s) + (tile - firstTiles[s]) * ROWS;
    }

    /** The row after a tile's last. */
    int endRow(int tile) {
        return Math.min(firstRow(tile) + ROWS, segments.offset(segment(tile) + 1));
    }
}
