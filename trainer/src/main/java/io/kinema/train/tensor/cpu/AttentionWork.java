package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What attention and its backward share: how segments are cut into tiles, the products for the tiles, and which head of
 * which segment a worker is on.
 */
final class AttentionWork {
    private static final int LONGEST_TILE = 512;
    private static final double LOG2_E = 1 / Math.log(2);

    private final Matmuls matmuls;
    private final List<TileProducts.TileGrid> grids = new ArrayList<>();

    AttentionWork(Matmuls matmuls) {
        this.matmuls = matmuls;
    }

    /** The type that products take. */
    DType productType() {
        return matmuls.productType();
    }

    /** The products for heads of a width. */
    TileProducts.TileGrid grid(int width) {
        for (TileProducts.TileGrid grid : grids) {
            if (grid.width() == width) {
                return grid;
            }
        }
        TileProducts.TileGrid grid = new TileProducts.TileGrid(matmuls, width, LONGEST_TILE);
        grids.add(grid);
        return grid;
    }

    /** {@code log2(e)/√K}: powers of 2 of scores times this are the exponentials of the softmax. */
    static float scale(int width) {
        return (float) (LOG2_E / Math.sqrt(width));
    }

    /** A natural logarithm as one to base 2. */
    static float toBase2(float logarithm) {
        return (float) (logarithm * LOG2_E);
    }

    /**
     * Cuts the side of a segment that is worked on against {@code otherTile} rows of the other: long where the other is
     * short, so that a product is worth its call.
     */
    static Cut cutAgainst(int otherTile, int length) {
        int longest = otherTile <= 64 ? LONGEST_TILE : otherTile <= 128 ? LONGEST_TILE / 2 : LONGEST_TILE / 4;
        return Cut.of(length, longest);
    }

    /** Tasks of segments, numbered through. */
    static final class Tasks {
        private final int[] firstOfSegment;

        Tasks(int numSegments) {
            firstOfSegment = new int[numSegments + 1];
        }

        void add(int segment, int count) {
            firstOfSegment[segment + 1] = firstOfSegment[segment] + count;
        }

        int count() {
            return firstOfSegment[firstOfSegment.length - 1];
        }

        /** The segment of a task; segments without tasks are skipped. */
        int segment(int task) {
            int found = Arrays.binarySearch(firstOfSegment, task);
            int segment = found >= 0 ? found : -found - 2;
            while (firstOfSegment[segment + 1] == task) {
                segment++;
            }
            return segment;
        }

        /** The number of a task within its segment. */
        int index(int task, int segment) {
            return task - firstOfSegment[segment];
        }
    }

    /**
     * The head of a segment that a worker is on. Tasks of one head mostly follow each other: what was packed for it is
     * kept until the next.
     */
    static final class Position {
        private int segment = -1;
        private int head = -1;
        private boolean packed;

        /** Positions for so many workers. */
        static Position[] forWorkers(int count) {
            Position[] all = new Position[count];
            Arrays.setAll(all, _ -> new Position());
            return all;
        }

        /** Goes to a head. */
        void moveTo(int newSegment, int newHead) {
            packed &= segment == newSegment && head == newHead;
            segment = newSegment;
            head = newHead;
        }

        int segment() {
            return segment;
        }

        int head() {
            return head;
        }

        /** Returns whether the head has yet to be packed, which the caller then does. */
        boolean startPacking() {
            boolean starts = !packed;
            packed = true;
            return starts;
        }
    }

    static void requireFit(Qkv qkv, Segments querySegments, Segments keySegments) {
        Shapes.requireRank("q", qkv.qLNK(), 3);
        int numHeads = qkv.qLNK().dim(1);
        int width = qkv.qLNK().dim(2);
        Shapes.require("q", qkv.qLNK(), querySegments.total(), numHeads, width);
        Shapes.require("k", qkv.kLNK(), keySegments.total(), numHeads, width);
        Shapes.require("v", qkv.vLNK(), keySegments.total(), numHeads, width);
        if (querySegments.count() != keySegments.count()) {
            throw new IllegalArgumentException(
                    "queries have " + querySegments.count() + " segments but keys have " + keySegments.count());
        }
    }
}
