package io.kinema.recaption.captioner.network;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import io.kinema.data.storage.Folder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.deeplearning4j.nn.graph.ComputationGraph;

/**
 * A trained model of texts, as a folder of two files: {@code graph.zip} ({@link GraphFile}) and {@code model.json},
 * which is written last and by rename.
 *
 * @param formatVersion of this layout, 1
 * @param kind {@link #CAPTIONER} or {@link #EXPANDER}
 * @param numFrames F, number of pictures of a clip; 0 for an expander
 * @param side of the pictures, in pixels; 0 for an expander
 * @param width of the convolutions; 0 for an expander
 * @param window number of earlier tokens that the next token is predicted from
 * @param maxTokens the most tokens of a text
 * @param words the words, in the order of their tokens
 * @param trainedWith every setting that the weights depend on, by name
 * @param graphSha256 SHA-256 of the graph's file, in hex
 */
public record CaptionModel(
        int formatVersion,
        String kind,
        int numFrames,
        int side,
        int width,
        int window,
        int maxTokens,
        List<String> words,
        Map<String, String> trainedWith,
        String graphSha256) {
    public static final String CAPTIONER = "captioner";
    public static final String EXPANDER = "expander";
    public static final String FILE = "model.json";
    static final String GRAPH = "graph.zip";
    private static final int VERSION = 1;

    /** Of an expander. */
    private static final int WINDOW = 12;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /** Keeps its own copies. */
    public CaptionModel {
        words = List.copyOf(words);
        trainedWith = Collections.unmodifiableMap(new TreeMap<>(trainedWith));
    }

    /**
     * Describes an expander before its training.
     *
     * @param maxTokens the most tokens of a text
     * @param words words of the texts
     * @param trainedWith every setting that the weights depend on
     * @return the model, without a graph
     */
    public static CaptionModel expander(int maxTokens, Words words, Map<String, String> trainedWith) {
        return new CaptionModel(VERSION, EXPANDER, 0, 0, 0, WINDOW, maxTokens, words.words(), trainedWith, "");
    }

    /**
     * A model's description and its graph.
     *
     * @param model the description
     * @param graph the graph with its weights
     * @param sha256 SHA-256 of the description, which holds the SHA-256 of the graph
     */
    public record Loaded(CaptionModel model, ComputationGraph graph, String sha256) {}

    /**
     * Returns the shape of the network.
     *
     * @return the shape
     */
    public CaptionGraph graph() {
        CaptionGraph.Source source = kind.equals(CAPTIONER)
                ? new CaptionGraph.Frames(numFrames, side, width)
                : new CaptionGraph.Prompt(new Words(words).size());
        return new CaptionGraph(source, new Words(words).size(), window);
    }

    /**
     * Names the graph's file.
     *
     * @param sha256 SHA-256 of its bytes, in hex
     * @return the same model with that graph
     */
    public CaptionModel withGraph(String sha256) {
        return new CaptionModel(
                formatVersion, kind, numFrames, side, width, window, maxTokens, words, trainedWith, sha256);
    }

    /**
     * Writes the folder. A model in it is replaced.
     *
     * @param folder where to write
     * @param graph bytes of the graph's file
     * @throws IOException if the folder cannot be written to
     */
    public void write(Folder folder, byte[] graph) throws IOException {
        folder.delete(FILE);
        folder.write(GRAPH, graph);
        folder.write(FILE, JSON.writeValueAsBytes(this));
    }

    /**
     * Reads a folder.
     *
     * @param location of the folder
     * @param kind {@link #CAPTIONER} or {@link #EXPANDER}
     * @return the model
     * @throws ConfigException if it holds no model of that kind
     * @throws IOException if a file is damaged
     */
    public static Loaded read(String location, String kind) throws IOException {
        Folder folder = Folder.at(location);
        byte[] json = bytes(folder, FILE);
        CaptionModel model;
        try {
            model = JSON.readValue(json, CaptionModel.class);
        } catch (JsonProcessingException e) {
            throw new IOException(
                    folder.locationOf(FILE) + " is damaged: " + e.getOriginalMessage()
                            + "; restore it or train the model again",
                    e);
        }
        if (model.formatVersion() != VERSION) {
            throw new ConfigException(folder.locationOf(FILE) + " has format version " + model.formatVersion()
                    + ", this Kinema reads version " + VERSION + "; train the model again");
        }
        if (!kind.equals(model.kind())) {
            throw new ConfigException(folder + " holds a model of kind " + model.kind() + ", not " + kind
                    + "; give the folder that launch/recaption.sh " + trainedBy(kind) + " wrote");
        }
        byte[] graph = bytes(folder, GRAPH);
        if (!Sha256.of(graph).equals(model.graphSha256())) {
            throw new IOException(folder.locationOf(GRAPH) + " is damaged: SHA-256 " + Sha256.of(graph) + ", " + FILE
                    + " says " + model.graphSha256() + "; restore it or train the model again");
        }
        return new Loaded(model, GraphFile.read(graph), Sha256.of(json));
    }

    private static byte[] bytes(Folder folder, String name) throws IOException {
        try (InputStream in = folder.open(name)) {
            return in.readAllBytes();
        } catch (FileNotFoundException e) {
            throw new ConfigException(
                    folder + " holds no trained model (no " + name + "); train one with launch/recaption.sh "
                            + trainedBy(CAPTIONER) + " or give its folder",
                    e);
        }
    }

    private static String trainedBy(String kind) {
        return kind.equals(CAPTIONER) ? "train" : "train-expander";
    }
}
