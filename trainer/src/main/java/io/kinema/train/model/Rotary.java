package io.kinema.train.model;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import java.util.List;

/**
 * The angles of rotary positions (Su et al., 2104.09864) for every row of a packed sequence; see docs/numerics.md for how
 * pairs are shared out to the axes.
 *
 * @param cosLP cosines [L, K/2]
 * @param sinLP sines [L, K/2]
 */
record Rotary(Tensor cosLP, Tensor sinLP) {
    private static final double BASE = 10_000;

    /** The tables as absolute positions (Vaswani et al., 1706.03762, section 3.5): cosines, then sines [L, K]. */
    Tensor sideBySide(Device device) {
        return device.concat(cosLP, sinLP);
    }

    /** Angles of video tokens from their places in the grid. */
    static Rotary ofGrids(Device device, List<Grid> grids, int headWidth) {
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
        return angles.onDevice(device);
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
        private int next;

        Angles(int rows, int pairs) {
            this.rows = rows;
            this.pairs = pairs;
            this.cos = new float[rows * pairs];
            this.sin = new float[rows * pairs];
        }

        void axis(int position, int axisPairs) {
            for (int j = 0; j < axisPairs; j++) {
                double angle = position * Math.pow(BASE, -(double) j / axisPairs);
                cos[next] = (float) Math.cos(angle);
                sin[next++] = (float) Math.sin(angle);
            }
        }

        Rotary onDevice(Device device) {
            return new Rotary(device.of(cos, rows, pairs), device.of(sin, rows, pairs));
        }
    }
}
