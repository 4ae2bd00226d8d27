package io.kinema.train.sweep;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.OutputFile;
import java.awt.Dimension;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGraphics2D;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.w3c.dom.Document;

/** {@code launch/sweep.sh plot}: a fit as a report and as pictures. */
final class PlotCommand {
    private static final String SUMMARY = """
            draws a fit: a report (HTML) that stands by itself, and its pictures (PNG and SVG) beside it

            Training curves are drawn where the fit lies in a sweep's folder.\
            """;
    private static final String SUFFIX = ".html";

    private static final class Flags {
        @Parameter(names = "--fit", order = 0, required = true, description = "Folder that fit has written")
        private String fit = "";

        @Parameter(
                names = "--output",
                order = 1,
                description =
                        "File for the report; pictures are named after it; report.html in the fit's folder if absent")
        private String output = "";

        @Parameter(names = "--force", order = 2, description = "Replace the file --output if there is one")
        private boolean force;
    }

    private PlotCommand() {}

    static int run(String... args) throws IOException {
        // Drawing needs no screen, and a server has none.
        System.setProperty("java.awt.headless", "true");
        Flags flags = new Flags();
        if (!new CommandLine(SweepCommand.PROGRAM + " plot", SUMMARY, flags).parse(args)) {
            return 0;
        }
        Path folder = Path.of(flags.fit);
        Path output = flags.output.isEmpty() ? folder.resolve("report.html") : Path.of(flags.output);
        if (!output.toString().endsWith(SUFFIX)) {
            throw new ConfigException("--output " + output + " does not end in " + SUFFIX + "; name such a file");
        }
        FitResult fit = FitResult.read(folder);
        OutputFile.requireNew("--output", output, flags.force || flags.output.isEmpty());
        Map<String, String> pictures = new LinkedHashMap<>();
        for (Map.Entry<String, XYChart> chart :
                new Charts(fit, curves(folder)).all().entrySet()) {
            String name = output.getFileName().toString();
            String stem = name.substring(0, name.length() - SUFFIX.length()) + "-" + chart.getKey();
            String svg = svg(chart.getValue());
            Files.writeString(output.resolveSibling(stem + ".svg"), svg);
            Files.write(output.resolveSibling(stem + ".png"), png(chart.getValue()));
            pictures.put(chart.getKey(), svg);
        }
        Files.writeString(output, new FitReport(fit, pictures).html());
        System.out.println("report   " + output);
        System.out.println("pictures " + pictures.size() + " beside it, as PNG and SVG");
        return 0;
    }

    /** Of the sweep that the fit lies in; none where it lies in none. */
    private static List<Charts.TrainingCurve> curves(Path fit) throws IOException {
        SweepFolder sweep = SweepFolder.around(fit);
        return sweep.isSweep() ? sweep.curves() : List.of();
    }

    private static byte[] png(XYChart chart) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BitmapEncoder.saveBitmap(chart, bytes, BitmapEncoder.BitmapFormat.PNG);
        return bytes.toByteArray();
    }

    private static String svg(XYChart chart) throws IOException {
        SVGGraphics2D graphics = new SVGGraphics2D(emptySvg());
        graphics.setSVGCanvasSize(new Dimension(chart.getWidth(), chart.getHeight()));
        chart.paint(graphics, chart.getWidth(), chart.getHeight());
        StringWriter writer = new StringWriter();
        graphics.stream(writer, true);
        String text = writer.toString();
        // Without the document type, which programs would ask the network for.
        return text.substring(text.indexOf("<svg"));
    }

    private static Document emptySvg() {
        try {
            return DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .getDOMImplementation()
                    .createDocument("http://www.w3.org/2000/svg", "svg", null);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's own parser has no way to be misconfigured", e);
        }
    }
}
