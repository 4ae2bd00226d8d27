package io.kinema.recaption.captioner.expander;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.network.CaptionModel;
import io.kinema.recaption.captioner.training.TrainCommand;
import io.kinema.recaption.captioner.training.Training;
import io.kinema.recaption.captioner.training.TrainingFlags;
import io.kinema.recaption.captioner.training.TrainingFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** {@code launch/recaption.sh train-expander}: trains a model that makes detailed prompts of short ones. */
public final class TrainExpanderCommand {
    private static final String SUMMARY = """
            trains a model that makes a detailed prompt of a short one

            The model learns from clips with a short and a detailed caption, or with captions of several lengths. It
            learns to write the detailed caption from the short one, in the style that a video model is trained on.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--data",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "Folder of a data set with captions: a path, file:// or hdfs://")
        private String data = "";

        @Parameter(
                names = "--output",
                order = 1,
                required = true,
                placeholder = "DIR",
                description = "Folder of the model to make, on this machine")
        private String output = "";

        @ParametersDelegate
        private final TrainingFlags training = new TrainingFlags(30, 32, 100);
    }

    private TrainExpanderCommand() {}

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
        CommandLine line = new CommandLine("launch/recaption.sh train-expander", SUMMARY, flags);
        if (!line.parse(args)) {
            return 0;
        }
        Training.Settings settings = flags.training.settings();
        Folder output = TrainCommand.localFolder(flags.output);
        try (Dataset data = Dataset.open(flags.data)) {
            Map<String, String> trainedWith = new TreeMap<>(TrainCommand.flagsOf(line));
            trainedWith.put("data", data.sha256());
            TrainingFolder folder = new TrainingFolder(output, trainedWith);
            folder.claim(flags.training.overwrite());
            List<TrainingFolder.StoppedTraining> stopped = folder.stopped();
            try (PairExamples examples = new PairExamples(data)) {
                output.write("train.args", line.toArgs().getBytes(StandardCharsets.UTF_8));
                CaptionModel model = CaptionModel.expander(examples.maxTokens(), examples.words(), trainedWith);
                TrainCommand.train(model, new Training(model.graph(), examples, settings), folder, stopped);
            }
        }
        System.out.println("model: " + output);
        return 0;
    }
}
