package io.kinema.recaption.captioner.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;

class GraphFileTest {
    private static final CaptionGraph SHAPE = new CaptionGraph(new CaptionGraph.Frames(1, 8, 1), 9, 3);

    private static ComputationGraph graph() {
        return SHAPE.start(4, new WarmUpCosine(1e-3, 10, 100));
    }

    /** Models that were trained before a class moved must stay readable, and keep their SHA-256. */
    @Test
    void shouldNameLayersAsFormatVersion1DoesWhereverTheirClassesLive() throws IOException {
        Set<String> names = new TreeSet<>();
        Matcher found = Pattern.compile("io\\.kinema\\.[\\w.$]+").matcher(description(GraphFile.write(graph(), true)));
        while (found.find()) {
            names.add(found.group());
        }

        String room = "io.kinema.recaption.captioner.";
        assertEquals(Set.of(room + "Convolution", room + "RowVertex", room + "WarmUpCosine"), names);
    }

    @Test
    void shouldReadTheGraphThatItWrote() throws IOException {
        ComputationGraph graph = graph();
        byte[] bytes = GraphFile.write(graph, true);
        ComputationGraph read = GraphFile.read(bytes);

        assertEquals(graph.getConfiguration(), read.getConfiguration());
        assertEquals(graph.params(), read.params());
        assertArrayEquals(bytes, GraphFile.write(read, true));
        assertArrayEquals(bytes, GraphFile.write(graph(), true));
    }

    @Test
    void shouldRefuseAFileThatIsCutOff() throws IOException {
        byte[] bytes = GraphFile.write(graph(), false);

        assertThrows(Exception.class, () -> GraphFile.read(Arrays.copyOf(bytes, bytes.length / 2)));
    }

    private static String description(byte[] zip) throws IOException {
        try (ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(zip))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                if (entry.getName().equals("configuration.json")) {
                    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
                }
            }
        }
        throw new AssertionError("the file has no description");
    }
}
