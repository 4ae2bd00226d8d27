package io.kinema.train.sweep;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A fit as one page (HTML) that needs nothing else. */
final class FitReport {
    private static final String HEAD = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Scaling law</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 960px; \
            margin: 2rem auto; padding: 0 1rem; }
            h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
            table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
            th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #e2e2e2; \
            vertical-align: top; }
            td.number, th.number { text-align: right; }
            .remark { border-left: 4px solid #d96b0b; padding: .2rem .8rem; margin: .5rem 0; background: #fdf3ea; }
            .own td { font-weight: 600; } img { max-width: 100%; height: auto; } .picture { margin-top: 2.2rem; \
            } .wide { overflow-x: auto; }
            </style>
            </head>
            <body>
            """;
    private static final Map<String, String> CAPTIONS = Map.of(
            "curves",
                    "Training loss of each training, an average over some 20 steps. Its course is not fitted:"
                            + " only held-out losses at the end are.",
            "sizes", "Each dot is a training. The lowest place of a parabola is the best size for its budget.",
            "frontier",
                    "What the law expects of the best division of a budget, up to 100 times the largest point."
                            + " The band says how well the law is known, not whether it goes on to hold.",
            "division", "The best size for a budget by each method; where they differ, none is to be trusted far.",
            "residuals",
                    "Without a pattern where the law fits: a slope, a curve or a colour on one side says that"
                            + " it does not.");

    private final FitResult fit;
    private final Map<String, String> pictures;
    private final StringBuilder html = new StringBuilder(HEAD);

    /**
     * Describes a fit.
     *
     * @param pictures documents (SVG) by name
     */
    FitReport(FitResult fit, Map<String, String> pictures) {
        this.fit = fit;
        this.pictures = pictures;
    }

    String html() {
        html.append("<h1>Scaling law of ").append(fit.points().size()).append(" trainings</h1>\n");
        law();
        fit.remarks()
                .forEach(remark -> html.append("<p class=\"remark\">")
                        .append(escape(remark))
                        .append("</p>\n"));
        estimates();
        pictures.forEach(this::picture);
        published();
        points();
        return html.append("</body>\n</html>\n").toString();
    }

    private void law() {
        double[] a = fit.law().coefficients();
        double[] e = fit.law().exponents();
        html.append(format(
                "<p>L(N, D) = %.4g + %.4g / N<sup>%.3f</sup> + %.4g / D<sup>%.3f</sup>, with N parameters and D"
                        + " tokens.",
                fit.law().offset(), a[0], e[0], a[1], e[1]));
        FitResult.Quality quality = fit.quality();
        ScalingPoint left = fit.points().get(fit.leftOut().point());
        html.append(format(
                " R² of log L %.4f; residuals have a standard deviation of %.2f %%. Without the largest"
                        + " training (N %.3g, D %.3g) the law predicts a loss of %.4g for it;"
                        + " it has %.4g (%+.2f %%).</p>%n",
                quality.rSquared(),
                100 * quality.deviation(),
                left.n(),
                left.d(),
                fit.leftOut().predicted(),
                left.loss(),
                100 * fit.leftOut().error()));
    }

    private void estimates() {
        html.append(
                "<h2>What was found</h2>\n<div class=\"wide\"><table><tr><th></th><th class=\"number\">estimate</th>"
                        + "<th class=\"number\">95 % interval</th><th></th></tr>\n");
        fit.estimates()
                .forEach((quantity, interval) -> html.append(format(
                        "<tr><td>%s</td><td class=\"number\">%.4g</td><td class=\"number\">%.4g to"
                                + " %.4g</td><td>%s</td></tr>%n",
                        escape(quantity.symbol()),
                        interval.estimate(),
                        interval.low(),
                        interval.high(),
                        escape(quantity.meaning()))));
        html.append("</table></div>\n");
    }

    private void picture(String name, String svg) {
        // As a document of its own: names within one would be taken for those of another.
        html.append("<p class=\"picture\"><img alt=\"").append(name).append("\" src=\"data:image/svg+xml;base64,");
        html.append(Base64.getEncoder().encodeToString(svg.getBytes(StandardCharsets.UTF_8)));
        html.append("\"></p>\n<p>").append(escape(CAPTIONS.get(name))).append("</p>\n");
    }

    private void published() {
        html.append(
                "<h2>Beside published exponents</h2>\n<p>Losses are of other things, so only exponents compare.</p>\n"
                        + "<div class=\"wide\"><table><tr><th></th><th>of</th><th>α</th><th>β</th><th>a of N ∝"
                        + " C<sup>a</sup></th>"
                        + "<th>b of D ∝ C<sup>b</sup></th><th>of loss over C</th><th>source</th></tr>\n");
        own("this fit, law", Quantity.ALPHA, Quantity.BETA, Quantity.LAW_N, Quantity.LAW_D, null);
        own("this fit, isoFLOP", null, null, Quantity.ISOFLOP_N, Quantity.ISOFLOP_D, null);
        own("this fit, minimum over curves", null, null, Quantity.CURVES_N, Quantity.CURVES_D, null);
        own("this fit, without offset", Quantity.KAPLAN_N, Quantity.KAPLAN_D, null, null, Quantity.KAPLAN_C);
        for (Published each : Published.ALL) {
            row(
                    "",
                    List.of(
                            each.who(),
                            each.of(),
                            each.alpha(),
                            each.beta(),
                            each.a(),
                            each.b(),
                            each.gamma(),
                            each.source()));
        }
        html.append("</table></div>\n");
    }

    private void own(String who, Quantity alpha, Quantity beta, Quantity a, Quantity b, Quantity gamma) {
        row(" class=\"own\"", List.of(who, "", text(alpha), text(beta), text(a), text(b), text(gamma), ""));
    }

    private String text(Quantity quantity) {
        Interval interval = quantity == null ? null : fit.estimates().get(quantity);
        return interval == null
                ? ""
                : format("%.3f (%.3f to %.3f)", interval.estimate(), interval.low(), interval.high());
    }

    private void row(String attributes, List<String> cells) {
        html.append("<tr").append(attributes).append('>');
        cells.forEach(cell -> html.append("<td>").append(escape(cell)).append("</td>"));
        html.append("</tr>\n");
    }

    private void points() {
        html.append("<h2>The trainings</h2>\n<div class=\"wide\"><table><tr><th>model</th><th class=\"number\">N</th>"
                + "<th class=\"number\">D</th><th class=\"number\">C</th><th class=\"number\">loss</th>"
                + "<th class=\"number\">fitted</th><th class=\"number\">difference</th></tr>\n");
        for (int i = 0; i < fit.points().size(); i++) {
            ScalingPoint point = fit.points().get(i);
            html.append(format(
                    "<tr><td>%s</td><td class=\"number\">%.4g</td><td class=\"number\">%.4g</td><td"
                            + " class=\"number\">%.4g</td>"
                            + "<td class=\"number\">%.5g</td><td class=\"number\">%.5g</td><td"
                            + " class=\"number\">%+.2f %%</td></tr>%n",
                    escape(point.model()),
                    point.n(),
                    point.d(),
                    point.c(),
                    point.loss(),
                    fit.fitted()[i],
                    100 * (point.loss() / fit.fitted()[i] - 1)));
        }
        html.append("</table></div>\n");
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private static String format(String text, Object... values) {
        return String.format(Locale.ROOT, text, values);
    }
}
