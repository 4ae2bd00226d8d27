package io.kinema.recaption.captioner.training;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.network.CaptionModel;
import io.kinema.recaption.captioner.network.GraphFile;
import java.awt.Color;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The folder of a training. During the training it holds {@code checkpoint-STEP.zip} (weights and optimizer state),
 * {@code best-STEP.zip} (weights of the best round) and {@code checkpoint.json}, which is written last. At the end it
 * holds the model ({@link CaptionModel}), {@code training.csv} and {@code curve.png}.
 */
public final class TrainingFolder {
    private static final String STATE = "checkpoint.json";
    private static final String BEST = "best-%d.zip";
    private static final String LAST = "checkpoint-%d.zip";
    private static final String FRAMES = "frames-.*\\.tmp";
    private static final String CURVE = "curve.png";
    private static final String ROUNDS = "training.csv";
    private static final JsonMapper JSON = new JsonMapper();

    private final Folder folder;
    private final Map<String, String> settings;

    /**
     * The content of {@code checkpoint.json}: all settings that the weights depend on, how far the training has come,
     * the digest of the last weights, and the file of the best weights.
     */
    private record State(Map<String, String> settings, Training.Progress progress, String last, String best) {}

    /**
     * A training that was stopped.
     *
     * @param graph weights and optimizer state of its last round
     * @param progress how far it had come
     */
    public record StoppedTraining(ComputationGraph graph, Training.Progress progress) {}

    /**
     * Names the folder.
     *
     * @param folder the folder
     * @param settings all settings that the weights depend on; a checkpoint with other settings is refused
     */
    public TrainingFolder(Folder folder, Map<String, String> settings) {
        this.folder = folder;
        this.settings = Map.copyOf(settings);
    }

    /**
     * Makes the folder ready.
     *
     * @param overwrite whether to delete the model in it
     * @throws ConfigException if the folder holds other files or a trained model, or cannot be written to
     * @throws IOException if the folder cannot be read
     */
    public void claim(boolean overwrite) throws IOException {
        if (folder.exists("") && !folder.isFolder()) {
            throw new ConfigException("--output " + folder + " is a file; choose a folder");
        }
        List<String> names = folder.exists("") ? folder.list("") : List.of();
        for (String name : names) {
            if (!name.matches(FRAMES + "|(checkpoint|best)-\\d+\\.zip(\\.tmp)?|(checkpoint|model)\\.json(\\.tmp)?"
                    + "|graph\\.zip(\\.tmp)?|training\\.csv(\\.tmp)?|curve\\.png(\\.tmp)?|train\\.args(\\.tmp)?")) {
                throw new ConfigException("--output " + folder + " holds files that are not a model's (" + name
                        + "); choose an empty folder");
            }
        }
        if (overwrite) {
            for (String name : names) {
                folder.delete(name);
            }
        } else if (names.contains(CaptionModel.FILE)) {
            throw new ConfigException("--output " + folder
                    + " holds a trained model; choose another folder, or give --overwrite to replace it");
        }
        for (String name : names) {
            // A killed training leaves its frames behind. This training reads them again.
            if (name.matches(FRAMES)) {
                folder.delete(name);
            }
        }
        try {
            folder.make();
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot write to --output " + folder + ": " + e.getMessage()
                            + "; choose a folder that can be written to",
                    e);
        }
    }

    /**
     * Reads the training that was stopped in this folder.
     *
     * @return the training, or an empty list
     * @throws ConfigException if it has other settings
     * @throws IOException if its files are damaged
     */
    public List<StoppedTraining> stopped() throws IOException {
        if (!folder.exists(STATE)) {
            return List.of();
        }
        State state = JSON.readValue(bytes(STATE), State.class);
        for (Map.Entry<String, String> each : settings.entrySet()) {
            String other = state.settings().get(each.getKey());
            if (!each.getValue().equals(other)) {
                throw new ConfigException(
                        "--output " + folder + " holds an unfinished training with " + each.getKey() + " "
                                + other + ", not " + each.getValue()
                                + "; continue with that, choose another folder, or give --overwrite to start over");
            }
        }
        byte[] last = bytes(String.format(LAST, state.progress().step()));
        if (!Sha256.of(last).equals(state.last())) {
            throw new IOException(
                    folder.locationOf(String.format(LAST, state.progress().step()))
                            + " is damaged: SHA-256 " + Sha256.of(last) + ", " + STATE + " says " + state.last()
                            + "; give --overwrite to start over");
        }
        return List.of(new StoppedTraining(GraphFile.read(last), state.progress()));
    }

    private byte[] bytes(String name) throws IOException {
        try (InputStream in = folder.open(name)) {
            return in.readAllBytes();
        }
    }

    /**
     * Stores a round: the state to continue from, and the best weights. The files of the round before are deleted last.
     */
    void keep(ComputationGraph trained, Training.Progress progress) throws IOException {
        byte[] last = GraphFile.write(trained, true);
        folder.write(String.format(LAST, progress.step()), last);
        String best = bestFile(progress);
        if (progress.isBestNow()) {
            folder.write(best, GraphFile.write(trained, false));
        }
        State state = new State(settings, progress, Sha256.of(last), best);
        folder.write(STATE, JSON.writeValueAsBytes(state));
        folder.write(ROUNDS, csv(progress).getBytes(StandardCharsets.UTF_8));
        folder.write(CURVE, curve(progress));
        deleteAllBut(List.of(String.format(LAST, progress.step()), best));
    }

    private static String bestFile(Training.Progress progress) {
        return String.format(BEST, (int) progress.rounds().get(progress.bestRound())[0]);
    }

    private void deleteAllBut(List<String> kept) throws IOException {
        for (String name : folder.list("")) {
            if (name.matches("(checkpoint|best)-\\d+\\.zip") && !kept.contains(name)) {
                folder.delete(name);
            }
        }
    }

    /** Makes the best weights the model, and deletes the checkpoint. */
    void finish(CaptionModel model, Training.Progress progress) throws IOException {
        byte[] graph = bytes(bestFile(progress));
        model.withGraph(Sha256.of(graph)).write(folder, graph);
        folder.delete(STATE);
        deleteAllBut(List.of());
    }

    private static String csv(Training.Progress progress) {
        StringBuilder text = new StringBuilder("step,loss,heldOutLoss\n");
        for (double[] round : progress.rounds()) {
            text.append(String.format(Locale.ROOT, "%d,%.6f,%.6f%n", (int) round[0], round[1], round[2]));
        }
        return text.toString();
    }

    private static byte[] curve(Training.Progress progress) throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(800)
                .height(480)
                .title("Loss of captions")
                .xAxisTitle("step")
                .yAxisTitle("nats a token")
                .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE).setLegendPosition(Styler.LegendPosition.InsideNE);
        chart.getStyler().setYAxisLogarithmic(true);
        List<Double> steps = new ArrayList<>();
        List<Double> learned = new ArrayList<>();
        List<Double> heldOut = new ArrayList<>();
        for (double[] round : progress.rounds()) {
            steps.add(round[0]);
            learned.add(round[1]);
            heldOut.add(round[2]);
        }
        chart.addSeries("learned from", steps, learned).setMarker(SeriesMarkers.NONE);
        chart.addSeries("held out", steps, heldOut).setMarker(SeriesMarkers.CIRCLE);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BitmapEncoder.saveBitmap(chart, bytes, BitmapEncoder.BitmapFormat.PNG);
        return bytes.toByteArray();
    }
}
