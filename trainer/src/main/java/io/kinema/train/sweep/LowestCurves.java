package io.kinema.train.sweep;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The first method of Hoffmann et al. (2203.15556, section 3.1): for each model size the curve of loss over cost, and
 * for each cost the size whose curve is lowest. Curves go through the ends of trainings of different length and not
 * through the course of one, whose learning rate was not yet low; between ends they are lines of log L over log C, and
 * between sizes the lowest point is that of the parabola through the lowest size and its neighbours.
 */
final class LowestCurves {
    private static final int COSTS = 200;
    private static final int MIN_SIZES = 3;

    /** Optima over a narrower range of costs say nothing of how they move. */
    private static final double MIN_RANGE = Math.log(4);

    private final Line costOfToken;
    private final List<Curve> curves;

    /**
     * Trainings of one size, by cost.
     *
     * @param logN the size
     * @param points which
     * @param logC their costs
     */
    private record Curve(double logN, int[] points, double[] logC) {
        boolean covers(double cost) {
            return cost >= logC[0] && cost <= logC[logC.length - 1];
        }

        double logLoss(double cost, double[] logLoss) {
            int i = 1;
            while (i < logC.length - 1 && logC[i] < cost) {
                i++;
            }
            double share = (cost - logC[i - 1]) / (logC[i] - logC[i - 1]);
            return (1 - share) * logLoss[points[i - 1]] + share * logLoss[points[i]];
        }
    }

    /**
     * Takes the points.
     *
     * @param costOfToken log of C/D over log N
     */
    LowestCurves(Measured points, Line costOfToken) {
        this.costOfToken = costOfToken;
        TreeMap<Double, List<Integer>> bySize = new TreeMap<>();
        IntStream.range(0, points.size())
                .forEach(i -> bySize.computeIfAbsent(points.logN()[i], _ -> new ArrayList<>())
                        .add(i));
        this.curves = new ArrayList<>();
        bySize.forEach((logN, members) -> {
            int[] sorted = members.stream()
                    .sorted(Comparator.comparingDouble(i -> points.logC()[i]))
                    .mapToInt(Integer::intValue)
                    .toArray();
            double[] logC =
                    IntStream.of(sorted).mapToDouble(i -> points.logC()[i]).toArray();
            if (Measured.distinct(logC) == logC.length && logC.length >= 2) {
                curves.add(new Curve(logN, sorted, logC));
            }
        });
    }

    /** Why no exponent can be told; empty where one may be. */
    Optional<String> refusal() {
        return curves.size() >= MIN_SIZES
                ? Optional.empty()
                : Optional.of("the minimum over curves needs " + MIN_SIZES
                        + " model sizes with trainings of two lengths or more; these points have " + curves.size());
    }

    /** The exponents; empty where the lowest curve is that of the smallest or largest size for nearly every cost. */
    Optional<Allocation> fit(double[] logLoss) {
        double least = curves.stream().mapToDouble(curve -> curve.logC[0]).min().orElse(0);
        double most = curves.stream()
                .mapToDouble(curve -> curve.logC[curve.logC.length - 1])
                .max()
                .orElse(0);
        List<Allocation.Optimum> optima = new ArrayList<>();
        for (int k = 0; k < COSTS; k++) {
            double cost = least + (most - least) * k / (COSTS - 1);
            lowest(cost, logLoss).ifPresent(optima::add);
        }
        if (optima.size() < 2 || optima.getLast().logC() - optima.getFirst().logC() < MIN_RANGE) {
            return Optional.empty();
        }
        return Optional.of(Allocation.of(optima));
    }

    private Optional<Allocation.Optimum> lowest(double cost, double[] logLoss) {
        List<Curve> there = curves.stream().filter(curve -> curve.covers(cost)).toList();
        double[] losses = there.stream()
                .mapToDouble(curve -> Math.exp(curve.logLoss(cost, logLoss)))
                .toArray();
        int best = IntStream.range(0, losses.length)
                .boxed()
                .min(Comparator.comparingDouble(i -> losses[i]))
                .orElse(0);
        if (best == 0 || best >= losses.length - 1) {
            return Optional.empty();
        }
        // The parabola through three places, by divided differences.
        double x0 = there.get(best - 1).logN;
        double x1 = there.get(best).logN;
        double x2 = there.get(best + 1).logN;
        double left = (losses[best] - losses[best - 1]) / (x1 - x0);
        double right = (losses[best + 1] - losses[best]) / (x2 - x1);
        double curvature = (right - left) / (x2 - x0);
        double logN = curvature > 0 ? (x0 + x1) / 2 - left / (2 * curvature) : x1;
        double loss = losses[best - 1] + (logN - x0) * (left + curvature * (logN - x1));
        return Optional.of(new Allocation.Optimum(cost, logN, cost - costOfToken.at(logN), loss));
    }
}
