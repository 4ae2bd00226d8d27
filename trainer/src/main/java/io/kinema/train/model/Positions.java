package io.kinema.train.model;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Cosines and sines of the positions of a packed sequence's rows; see docs/numerics.md for how pairs are shared out to
 * the axes. Those of a place on an axis are computed once and kept. Used by one thread at a time.
 */
final class Positions {
    private static final double BASE = 10_000;

    private final List<Axis> axes = new ArrayList<>();
    private final Staging first = new Staging();
    private final Staging second = new Staging();

    /** The cosines and sines of the places on an axis [places, pairs], as far as they were asked for. */
    private static final class Axis {
        private final int pairs;
        private float[] cos = {};
        private float[] sin = {};

        Axis(int pairs) {
            this.pairs = pairs;
        }

        Axis upTo(int places) {
            int known = cos.length / Math.max(1, pairs);
            if (places > known) {
                int size = Math.multiplyExact(places, pairs);
                cos = Arrays.copyOf(cos, size);
                sin = Arrays.copyOf(sin, size);
                for (int place = known; place < places; place++) {
                    for (int j = 0; j < pairs; j++) {
                        double angle = place * Math.pow(BASE, -(double) j / pairs);
                        cos[place * pairs + j] = (float) Math.cos(angle);
                        sin[place * pairs + j] = (float) Math.sin(angle);
                    }
                }
            }
            return this;
        }
    }

    /** Where the tables of angles are filled: a row every {@code stride} elements. */
    private record RotationRows(MemorySegment cos, int cosAt, MemorySegment sin, int sinAt, int stride) {
        void put(int row, int pair, Axis axis, int place) {
            int from = place * axis.pairs;
            put(axis.cos, from, cos, (long) row * stride + cosAt + pair, axis.pairs);
            put(axis.sin, from, sin, (long) row * stride + sinAt + pair, axis.pairs);
        }

        private static void put(float[] from, int first, MemorySegment to, long at, int count) {
            MemorySegment.copy(from, first, to, ValueLayout.JAVA_FLOAT, at * Float.BYTES, count);
        }
    }

    /**
     * Absolute positions (Vaswani et al., 1706.03762, section 3.5): the cosines, then the sines, of the angles of a
     * head as wide as the model [L, D]. The residual stream begins with them and has their type,
     * {@link Device#dtype()}.
     */
    Tensor absolute(Device device, Packing packing, int width) {
        int numRows = packing.tokens().total();
        MemorySegment both = first.room(device, (long) numRows * width);
        fill(packing.grids(), width / 2, new RotationRows(both, 0, both, width / 2, width));
        return first.tensor(numRows, width);
    }

    /** Angles of video tokens from their places in the grid. */
    Rotary ofGrids(Device device, Packing packing, int headWidth) {
        int numRows = packing.tokens().total();
        fill(packing.grids(), headWidth / 2, sideBySide(device, numRows, headWidth / 2));
        return rotary(numRows, headWidth / 2);
    }

    /** Angles of text from places counted from the start of each segment. */
    Rotary ofText(Device device, Segments segments, int headWidth) {
        int pairs = headWidth / 2;
        RotationRows rows = sideBySide(device, segments.total(), pairs);
        Axis axis = axis(pairs);
        for (int s = 0; s < segments.count(); s++) {
            axis.upTo(segments.length(s));
            for (int place = 0; place < segments.length(s); place++) {
                rows.put(segments.offset(s) + place, 0, axis, place);
            }
        }
        return rotary(segments.total(), pairs);
    }

    private void fill(List<Grid> grids, int pairs, RotationRows rows) {
        int pairsOfPlane = 3 * pairs / 8;
        int pairsOfTime = pairs - 2 * pairsOfPlane;
        Axis time = axis(pairsOfTime);
        Axis plane = axis(pairsOfPlane);
        int row = 0;
        for (Grid grid : grids) {
            time.upTo(grid.t());
            plane.upTo(Math.max(grid.h(), grid.w()));
            for (int t = 0; t < grid.t(); t++) {
                for (int h = 0; h < grid.h(); h++) {
                    for (int w = 0; w < grid.w(); w++) {
                        rows.put(row, 0, time, t);
                        rows.put(row, pairsOfTime, plane, h);
                        rows.put(row, pairsOfTime + pairsOfPlane, plane, w);
                        row++;
                    }
                }
            }
        }
    }

    private Axis axis(int pairs) {
        for (Axis axis : axes) {
            if (axis.pairs == pairs) {
                return axis;
            }
        }
        Axis axis = new Axis(pairs);
        axes.add(axis);
        return axis;
    }

    private RotationRows sideBySide(Device device, int numRows, int pairs) {
        long count = (long) numRows * pairs;
        return new RotationRows(first.room(device, count), 0, second.room(device, count), 0, pairs);
    }

    private Rotary rotary(int numRows, int pairs) {
        return new Rotary(first.tensor(numRows, pairs), second.tensor(numRows, pairs));
    }
}
