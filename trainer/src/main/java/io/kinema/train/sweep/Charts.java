package io.kinema.train.sweep;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The pictures of a fit. */
final class Charts {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;
    private static final int STEPS = 80;

    /** How far beyond the points lines are drawn: so many times their largest cost. */
    private static final double BEYOND = 100;

    private static final Color LAW = new Color(0x1f, 0x4e, 0x9c);
    private static final Color BAND = new Color(0x8f, 0xb0, 0xdc);
    private static final Color GREY = new Color(0x77, 0x77, 0x77);
    private static final Color ORANGE = new Color(0xd9, 0x6b, 0x0b);
    private static final Color GREEN = new Color(0x2a, 0x8a, 0x4a);

    private final FitResult fit;
    private final List<TrainingCurve> curves;
    private final double least;
    private final double most;

    /**
     * The loss of a training as it went.
     *
     * @param model its shape
     * @param n parameters
     * @param tokens so far
     * @param loss smoothed
     */
    record TrainingCurve(String model, double n, double[] tokens, double[] loss) {}

    Charts(FitResult fit, List<TrainingCurve> curves) {
        this.fit = fit;
        this.curves = curves;
        this.least = fit.points().stream().mapToDouble(ScalingPoint::c).min().orElseThrow();
        this.most = fit.points().stream().mapToDouble(ScalingPoint::c).max().orElseThrow();
    }

    /** By name of the file. */
    Map<String, XYChart> all() {
        Map<String, XYChart> charts = new LinkedHashMap<>();
        if (!curves.isEmpty()) {
            charts.put("curves", curves());
        }
        charts.put("sizes", sizes());
        if (new Budget(fit.law(), fit.costOfToken()).isDivisible()) {
            charts.put("frontier", frontier());
            charts.put("division", division());
        }
        charts.put("residuals", residuals());
        return charts;
    }

    private static XYChart chart(String title, String x, String y) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle(x)
                .yAxisTitle(y)
                .build();
        chart.getStyler()
                .setXAxisLogarithmic(true)
                .setChartBackgroundColor(Color.WHITE)
                .setPlotBorderVisible(false)
                .setLegendPosition(Styler.LegendPosition.OutsideE)
                .setLegendBorderColor(Color.WHITE)
                .setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16))
                .setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        chart.getStyler().setMarkerSize(7);
        chart.getStyler().setPlotGridLinesColor(new Color(0xe4, 0xe4, 0xe4));
        return chart;
    }

    private XYChart curves() {
        XYChart chart = chart("Training loss, smoothed", "tokens", "loss");
        double[] sizes = curves.stream()
                .mapToDouble(TrainingCurve::n)
                .distinct()
                .sorted()
                .toArray();
        List<TrainingCurve> bySize = curves.stream()
                .sorted(Comparator.comparingDouble(TrainingCurve::n))
                .toList();
        List<String> named = new ArrayList<>();
        for (int i = 0; i < bySize.size(); i++) {
            TrainingCurve curve = bySize.get(i);
            boolean isFirst = !named.contains(curve.model());
            named.add(curve.model());
            XYSeries series = line(
                    chart,
                    isFirst ? curve.model() : curve.model() + " " + i,
                    curve.tokens(),
                    curve.loss(),
                    shade(Arrays.binarySearch(sizes, curve.n()), sizes.length));
            series.setShowInLegend(isFirst);
        }
        return chart;
    }

    /** Loss over size, a colour a budget; with parabolas where points form budgets. */
    private XYChart sizes() {
        XYChart chart = chart("Held-out loss by model size, and isoFLOP parabolas", "parameters N", "loss");
        List<IsoFlop.Parabola> parabolas = fit.parabolas();
        List<ScalingPoint> rest = new ArrayList<>(fit.points());
        for (int i = 0; i < parabolas.size(); i++) {
            IsoFlop.Parabola parabola = parabolas.get(i);
            Color color = shade(i, parabolas.size());
            List<ScalingPoint> budget =
                    Arrays.stream(parabola.points()).mapToObj(fit.points()::get).toList();
            rest.removeAll(budget);
            String name = String.format(Locale.ROOT, "C = %.3g", Math.exp(parabola.logC()));
            dots(
                    chart,
                    name,
                    budget.stream().mapToDouble(ScalingPoint::n).toArray(),
                    budget.stream().mapToDouble(ScalingPoint::loss).toArray(),
                    color,
                    SeriesMarkers.CIRCLE);
            double[] logN = IntStream.rangeClosed(0, STEPS)
                    .mapToDouble(k -> parabola.lowest() + (parabola.highest() - parabola.lowest()) * k / STEPS)
                    .toArray();
            line(
                            chart,
                            name + " parabola",
                            Arrays.stream(logN).map(Math::exp).toArray(),
                            Arrays.stream(logN).map(parabola::at).toArray(),
                            color)
                    .setShowInLegend(false);
        }
        if (!rest.isEmpty()) {
            dots(
                    chart,
                    "other points",
                    rest.stream().mapToDouble(ScalingPoint::n).toArray(),
                    rest.stream().mapToDouble(ScalingPoint::loss).toArray(),
                    GREY,
                    SeriesMarkers.CIRCLE);
        }
        if (fit.isoFlop() != null) {
            dots(
                    chart,
                    "lowest",
                    fit.isoFlop().optima().stream()
                            .mapToDouble(each -> Math.exp(each.logN()))
                            .toArray(),
                    fit.isoFlop().optima().stream()
                            .mapToDouble(Allocation.Optimum::loss)
                            .toArray(),
                    Color.BLACK,
                    SeriesMarkers.CROSS);
        }
        return chart;
    }

    private XYChart frontier() {
        XYChart chart =
                chart("Loss at the best division of a budget, by the law, with its 95 % band", "operations C", "loss");
        double[] flops = costs();
        Budget law = new Budget(fit.law(), fit.costOfToken());
        band(chart, flops, each -> budget -> budget.best(each).loss());
        line(
                chart,
                "law",
                flops,
                Arrays.stream(flops).map(each -> law.best(each).loss()).toArray(),
                LAW);
        dots(
                chart,
                "points",
                fit.points().stream().mapToDouble(ScalingPoint::c).toArray(),
                fit.points().stream().mapToDouble(ScalingPoint::loss).toArray(),
                GREY,
                SeriesMarkers.CIRCLE);
        return chart;
    }

    private XYChart division() {
        XYChart chart = chart("Best model size for a budget, by each method", "operations C", "parameters N");
        chart.getStyler().setYAxisLogarithmic(true);
        double[] flops = costs();
        Budget law = new Budget(fit.law(), fit.costOfToken());
        band(chart, flops, each -> budget -> budget.best(each).n());
        line(
                chart,
                "law",
                flops,
                Arrays.stream(flops).map(each -> law.best(each).n()).toArray(),
                LAW);
        method(chart, "isoFLOP parabolas", fit.isoFlop(), ORANGE, flops);
        method(chart, "minimum over curves", fit.curves(), GREEN, flops);
        return chart;
    }

    private static void method(XYChart chart, String name, Allocation found, Color color, double[] flops) {
        if (found == null) {
            return;
        }
        dots(
                chart,
                name,
                found.optima().stream()
                        .mapToDouble(each -> Math.exp(each.logC()))
                        .toArray(),
                found.optima().stream()
                        .mapToDouble(each -> Math.exp(each.logN()))
                        .toArray(),
                color,
                SeriesMarkers.CIRCLE);
        line(
                        chart,
                        name + " line",
                        flops,
                        Arrays.stream(flops)
                                .map(each -> Math.exp(found.n().at(Math.log(each))))
                                .toArray(),
                        color)
                .setShowInLegend(false);
    }

    private XYChart residuals() {
        XYChart chart = chart("What the law leaves: measured over fitted loss, less 1", "operations C", "%");
        // Sizes that look the same are one.
        List<String> sizes = fit.points().stream()
                .sorted(Comparator.comparingDouble(ScalingPoint::n))
                .map(Charts::size)
                .distinct()
                .toList();
        for (int i = 0; i < sizes.size(); i++) {
            String size = sizes.get(i);
            int[] points = IntStream.range(0, fit.points().size())
                    .filter(k -> size(fit.points().get(k)).equals(size))
                    .toArray();
            dots(
                    chart,
                    size,
                    Arrays.stream(points)
                            .mapToDouble(k -> fit.points().get(k).c())
                            .toArray(),
                    Arrays.stream(points)
                            .mapToDouble(k -> 100 * (fit.points().get(k).loss() / fit.fitted()[k] - 1))
                            .toArray(),
                    shade(i, sizes.size()),
                    SeriesMarkers.CIRCLE);
        }
        line(chart, "0", new double[] {least, most}, new double[2], GREY).setShowInLegend(false);
        return chart;
    }

    private static String size(ScalingPoint point) {
        return String.format(Locale.ROOT, "N = %.3g", point.n());
    }

    private double[] costs() {
        double low = Math.log(least);
        double high = Math.log(most * BEYOND);
        return IntStream.rangeClosed(0, STEPS)
                .mapToDouble(k -> Math.exp(low + (high - low) * k / STEPS))
                .toArray();
    }

    /** What a curve is a function of besides the law. */
    private interface Curve {
        ToDoubleFunction<Budget> at(double flops);
    }

    private void band(XYChart chart, double[] flops, Curve curve) {
        List<Budget> samples = fit.divisible();
        Interval[] band = Arrays.stream(flops)
                .mapToObj(each -> Interval.ofQuantiles(
                        0, samples.stream().mapToDouble(curve.at(each)).toArray()))
                .toArray(Interval[]::new);
        line(
                chart,
                "95 % band",
                flops,
                Arrays.stream(band).mapToDouble(Interval::low).toArray(),
                BAND);
        line(
                        chart,
                        "upper",
                        flops,
                        Arrays.stream(band).mapToDouble(Interval::high).toArray(),
                        BAND)
                .setShowInLegend(false);
    }

    private static XYSeries line(XYChart chart, String name, double[] x, double[] y, Color color) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(1.8f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        return series;
    }

    private static void dots(XYChart chart, String name, double[] x, double[] y, Color color, Marker marker) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        series.setMarker(marker);
        series.setMarkerColor(color);
    }

    /** From violet to yellow: dark is small. */
    private static Color shade(int i, int count) {
        double share = count < 2 ? 0 : i / (count - 1.0);
        return Color.getHSBColor((float) (0.75 - 0.62 * share), 0.75f, (float) (0.55 + 0.3 * share));
    }
}
