package io.kinema.recaption.captioner.training;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.network.CaptionModel;
import io.kinema.recaption.captioner.network.Pictures;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** {@code launch/recaption.sh train}: trains a captioner. */
public final class TrainCommand {
    private static final String SUMMARY = """
            trains a captioner on the clips of a data set that have captions

            The model sees some frames of a clip at once, shrunk to squares. It learns to write the captions that came
            with the videos; their lengths decide which count as short and which as detailed. Some sources are held out.
            The weights with the lowest held-out loss are the result, and training ends early when that loss stops
            falling. To continue a training that was stopped, give the same command again.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--data",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "Folder of a data set that launch/prepare.sh made: a path, file:// or hdfs://")
        private String data = "";

        @Parameter(
                names = "--output",
                order = 1,
                required = true,
                placeholder = "DIR",
                description = "Folder of the model to make, on this machine")
        private String output = "";

        @Parameter(
                names = "--frames",
                order = 5,
                placeholder = "N",
                description = "Number of frames of a clip that the model sees")
        private int frames = 6;

        @Parameter(
                names = "--size",
                order = 6,
                placeholder = "PIXELS",
                description = "Side of the squares that frames are shrunk to, a multiple of 8")
        private int size = 64;

        @Parameter(
                names = "--width",
                order = 7,
                placeholder = "N",
                description = "Width of the model: twice the width has twice the channels and takes four times as long")
        private int width = 8;

        @Parameter(
                names = "--window",
                order = 8,
                placeholder = "N",
                description = "Number of earlier words that the next word is predicted from")
        private int window = 12;

        @ParametersDelegate
        private final TrainingFlags training = new TrainingFlags(18, 8, 500);

        private void check() {
            if (frames < 1 || frames > 64) {
                throw new ConfigException("--frames " + frames + " is not possible; give 1 to 64");
            }
            if (size < 16 || size % 8 != 0 || size > 512) {
                throw new ConfigException("--size " + size + " is not a multiple of 8 from 16 to 512");
            }
            if (width < 1 || width > 128) {
                throw new ConfigException("--width " + width + " is not possible; give 1 to 128");
            }
            if (window < 2 || window > 256) {
                throw new ConfigException("--window " + window + " is not possible; give 2 to 256");
            }
        }
    }

    private TrainCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a clip cannot be read or the model cannot be written
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine("launch/recaption.sh train", SUMMARY, flags);
        if (!line.parse(args)) {
            return 0;
        }
        flags.check();
        Training.Settings settings = flags.training.settings();
        Folder output = localFolder(flags.output);
        try (Dataset data = Dataset.open(flags.data)) {
            Map<String, String> trainedWith = new TreeMap<>(flagsOf(line));
            trainedWith.put("data", data.sha256());
            TrainingFolder folder = new TrainingFolder(output, trainedWith);
            folder.claim(flags.training.overwrite());
            List<TrainingFolder.StoppedTraining> stopped = folder.stopped();
            output.write("train.args", line.toArgs().getBytes(StandardCharsets.UTF_8));
            try (ClipExamples examples =
                    new ClipExamples(data, new Pictures(flags.frames, flags.size), Path.of(output.locationOf("")))) {
                CaptionModel model = new CaptionModel(
                        1,
                        CaptionModel.CAPTIONER,
                        flags.frames,
                        flags.size,
                        flags.width,
                        flags.window,
                        examples.maxTokens(),
                        examples.words().words(),
                        trainedWith,
                        "");
                train(model, new Training(model.graph(), examples, settings), folder, stopped);
            }
        }
        System.out.println("model: " + output);
        return 0;
    }

    /**
     * Returns the folder of a model to train.
     *
     * @param location the value of {@code --output}
     * @return the folder
     * @throws ConfigException if the folder is not on this machine
     * @throws IOException if the location cannot be looked at
     */
    public static Folder localFolder(String location) throws IOException {
        Folder folder = Folder.at(location);
        if (!folder.isLocal()) {
            throw new ConfigException(
                    "--output " + folder + " is not on this machine; train in a local folder and copy the model");
        }
        return folder;
    }

    /**
     * Returns all flags that the weights depend on.
     *
     * @param line the command line
     * @return values by flag
     */
    public static Map<String, String> flagsOf(CommandLine line) {
        Map<String, String> flags = new TreeMap<>();
        for (String each : line.toArgs().split("\n")) {
            String[] parts = each.split(" ", 2);
            if (parts.length == 2 && !parts[0].equals("--data") && !parts[0].equals("--output")) {
                flags.put(parts[0], parts[1]);
            }
        }
        return flags;
    }

    /**
     * Trains a model, or continues a training that was stopped.
     *
     * @param model description of the model
     * @param training how to train, and on what
     * @param folder the folder of the training
     * @param stopped what {@link TrainingFolder#stopped} gave
     * @throws IOException if the model cannot be written
     */
    public static void train(
            CaptionModel model, Training training, TrainingFolder folder, List<TrainingFolder.StoppedTraining> stopped)
            throws IOException {
        System.out.println(training.describe() + ", " + model.words().size() + " words");
        ComputationGraph graph;
        Training.Progress progress = Training.Progress.NONE;
        if (stopped.isEmpty()) {
            graph = model.graph().start(training.seed(), training.learningRate());
        } else {
            graph = stopped.getFirst().graph();
            progress = stopped.getFirst().progress();
            System.out.println("going on from step " + progress.step());
        }
        Training.Progress end = training.run(graph, progress, folder::keep);
        double[] best = end.rounds().get(end.bestRound());
        System.out.printf(
                "best after %d of %d steps: %.4f nats a token held out, %.4f learned from%n",
                (int) best[0], end.step(), best[2], best[1]);
        folder.finish(model, end);
    }
}
