package io.kinema.train.model;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The angles of rotary positions (Su et al., 2104.09864) for every row of a packed sequence; see docs/numerics.md for how
 * pairs are shared out to the axes.
 *
 * @param cosLP cosines [L, K/2]
 * @param sinLP sines [L, K/2]
 */
record Rotary(Tensor cosLP, Tensor sinLP) {
    private static final double BASE = 10_000;

    /**
     * Absolute positions (Vaswani et al., 1706.03762, section 3.5): the cosines, then the sines, of the angles of a head as wide as the model [L, D]. The
     * residual stream begins with them and has their type, {@link Device#dtype()}.
     */
    static Tensor positions(Device device, List<Grid> grids, int width) {
        return gridAngles(grids, width).sideBySide(device);
    }

    /** Angles of video tokens from their places in the grid. */
    static Rotary ofGrids(Device device, List<Grid> grids, int headWidth) {
        return gridAngles(grids, headWidth).onDevice(device);
    }

    private static Angles gridAngles(List<Grid> grids, int headWidth) {
        int pairs = headWidth / 2;
        int pairsH = 3 * pairs / 8;
        int pairsT = pairs - 2 * pairsH;
        Angles angles = new Angles(grids.stream().mapToInt(Grid::tokens).sum(), pairs);
        for (Grid grid : grids) {
            for (int t = 0; t < grid.t(); t++) {
                for (int h = 0; h < grid.h(); h++) {
                    for (int w = 0; w < grid.w(); w++) {
                        angles.axis(t, pairsT);
                        angles.axis(h, pairsH);
                        angles.axis(w, pairsH);
                    }
                }
            }
        }
        return angles;
    }

    /** Angles of text from places counted from the start of each segment. */
    static Rotary ofText(Device device, Segments segments, int headWidth) {
        Angles angles = new Angles(segments.total(), headWidth / 2);
        for (int s = 0; s < segments.count(); s++) {
            for (int position = 0; position < segments.length(s); position++) {
                angles.axis(position, headWidth / 2);
            }
        }
        return angles.onDevice(device);
    }

    /** Tables under construction, filled from the front. */
    private static final class Angles {
        private final int rows;
        private final int pairs;
        private final float[] cos;
        private final float[] sin;
        private final Map<Integer, List<Turn>> turns = new HashMap<>();
        private int next;

        /** The cosines and sines of one position on an axis. */
        private record Turn(float[] cos, float[] sin) {}

        Angles(int rows, int pairs) {
            this.rows = rows;
            this.pairs = pairs;
            this.cos = new float[rows * pairs];
            this.sin = new float[rows * pairs];
        }

        void axis(int position, int axisPairs) {
            List<Turn> known = turns.computeIfAbsent(axisPairs, _ -> new ArrayList<>());
            while (known.size() <= position) {
                known.add(turn(known.size(), axisPairs));
            }
            System.arraycopy(known.get(position).cos, 0, cos, next, axisPairs);
            System.arraycopy(known.get(position).sin, 0, sin, next, axisPairs);
            next += axisPairs;
        }

        private static Turn turn(int position, int axisPairs) {
            Turn turn = new Turn(new float[axisPairs], new float[axisPairs]);
            for (int j = 0; j < axisPairs; j++) {
                double angle = position * Math.pow(BASE, -(double) j / axisPairs);
                turn.cos[j] = (float) Math.cos(angle);
                turn.sin[j] = (float) Math.sin(angle);
            }
            return turn;
        }

        Tensor sideBySide(Device device) {
            float[] both = new float[2 * rows * pairs];
            for (int row = 0; row < rows; row++) {
                System.arraycopy(cos, row * pairs, both, 2 * row * pairs, pairs);
                System.arraycopy(sin, row * pairs, both, (2 * row + 1) * pairs, pairs);
            }
            return device.of(both, rows, 2 * pairs);
        }

        Rotary onDevice(Device device) {
            return new Rotary(device.of(cos, rows, pairs), device.of(sin, rows, pairs));
        }
    }
}
