package io.kinema.recaption.captioner.network;

import io.kinema.recaption.captioner.layer.Convolution;
import io.kinema.recaption.captioner.layer.RowVertex;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;

/**
 * A graph as a file: Deeplearning4j's zip of the graph's description ({@code configuration.json}), its weights and, if
 * asked for, its optimizer's state. The same graph has the same bytes: entries of the zip have no time.
 *
 * <p>Deeplearning4j names our layers in the description by their classes. The file has the names of format version 1
 * for good, {@code io.kinema.recaption.captioner.Convolution}, wherever the classes live today.
 */
public final class GraphFile {
    private static final String DESCRIPTION = "configuration.json";
    private static final String PACKAGE = "io.kinema.recaption.captioner.";
    private static final List<Class<?>> NAMED = List.of(Convolution.class, RowVertex.class, WarmUpCosine.class);

    /** The earliest time that a zip can name. */
    private static final LocalDateTime ZIP_EPOCH = LocalDateTime.of(1980, 1, 1, 0, 0);

    private GraphFile() {}

    /**
     * Writes a graph.
     *
     * @param graph the graph
     * @param withUpdater whether to add the optimizer's state
     * @return the file's bytes
     * @throws IOException never, as memory is always writable
     */
    public static byte[] write(ComputationGraph graph, boolean withUpdater) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ModelSerializer.writeModel(graph, bytes, withUpdater);
        return copied(bytes.toByteArray(), GraphFile::withNamesOfFile);
    }

    /**
     * Reads a graph with its optimizer's state, if the file has one.
     *
     * @param bytes what {@link #write} gave
     * @return the graph
     * @throws IOException if the bytes are not a graph
     */
    public static ComputationGraph read(byte[] bytes) throws IOException {
        byte[] today = copied(bytes, GraphFile::withNamesOfClasses);
        return ModelSerializer.restoreComputationGraph(new ByteArrayInputStream(today), true);
    }

    private static String withNamesOfFile(String description) {
        String renamed = description;
        for (Class<?> each : NAMED) {
            renamed = renamed.replace(quoted(each.getName()), quoted(PACKAGE + each.getSimpleName()));
        }
        return renamed;
    }

    private static String withNamesOfClasses(String description) {
        String renamed = description;
        for (Class<?> each : NAMED) {
            renamed = renamed.replace(quoted(PACKAGE + each.getSimpleName()), quoted(each.getName()));
        }
        return renamed;
    }

    private static String quoted(String name) {
        return '"' + name + '"';
    }

    private static byte[] copied(byte[] zip, UnaryOperator<String> renamed) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipInputStream from = new ZipInputStream(new ByteArrayInputStream(zip));
                ZipOutputStream to = new ZipOutputStream(bytes)) {
            for (ZipEntry entry = from.getNextEntry(); entry != null; entry = from.getNextEntry()) {
                ZipEntry undated = new ZipEntry(entry.getName());
                undated.setTimeLocal(ZIP_EPOCH);
                to.putNextEntry(undated);
                if (entry.getName().equals(DESCRIPTION)) {
                    String description = new String(from.readAllBytes(), StandardCharsets.UTF_8);
                    to.write(renamed.apply(description).getBytes(StandardCharsets.UTF_8));
                } else {
                    from.transferTo(to);
                }
            }
        }
        return bytes.toByteArray();
    }
}
