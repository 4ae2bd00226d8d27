package io.kinema.recaption.run;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.CaptionerSettings;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.network.Dl4jSettings;
import io.kinema.recaption.captioner.onnx.OnnxSettings;
import io.kinema.recaption.captioner.served.EndpointSettings;
import io.kinema.recaption.captioner.served.Prompts;
import io.kinema.recaption.captioner.served.ServerFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** The flags of captioning a data set. */
final class RunFlags {
    static final String SUMMARY = """
            captions every clip of a data set

            The new data set in --output has captions only; its frames stay in --data, which does not change. Earlier
            captions are kept, new captions are added. Questions with empty, repeated, truncated or refused answers are
            asked again; questions that stay without a useful answer are listed in quarantine.jsonl with the reason. To
            continue a run that was stopped, give the same command again.\
            """;

    @Parameter(
            names = "--data",
            order = 0,
            required = true,
            placeholder = "DIR",
            description = "Folder of a data set that launch/prepare.sh made: a path, file:// or hdfs://")
    String data = "";

    @Parameter(
            names = "--output",
            order = 1,
            required = true,
            placeholder = "DIR",
            description = "Folder of the data set to make")
    String output = "";

    @Parameter(
            names = "--captioner",
            order = 2,
            placeholder = "dl4j|endpoint|onnx",
            description =
                    "The captioner: dl4j, a model trained by launch/recaption.sh train; endpoint, a server with the"
                            + " interface of OpenAI's chat completions; onnx, a model exported by Hugging Face Optimum")
    String captioner = "dl4j";

    @Parameter(
            names = "--model",
            order = 3,
            required = true,
            placeholder = "DIR|NAME",
            description = "The model's folder; for endpoint the model's name on the server")
    String model = "";

    @Parameter(
            names = "--styles",
            order = 4,
            placeholder = "LIST",
            description = "Which captions to write: short, detailed, or both")
    String styles = Question.SHORT + "," + Question.DETAILED;

    @Parameter(
            names = "--attempts",
            order = 5,
            placeholder = "N",
            description = "How often to ask a question until its answer is useful")
    int attempts = 3;

    @Parameter(
            names = "--beam",
            order = 6,
            placeholder = "N",
            description = "dl4j, onnx: number of texts that beam search keeps; 1 is greedy")
    int beam = 4;

    @Parameter(
            names = "--temperature",
            order = 7,
            placeholder = "T",
            description = "Temperature of sampling; dl4j and onnx sample from the second attempt on")
    double temperature = 0.7;

    @Parameter(names = "--seed", order = 8, placeholder = "S", description = "dl4j, onnx: seed of sampling")
    long seed;

    @Parameter(
            names = "--frames",
            order = 9,
            placeholder = "N",
            description =
                    "endpoint, onnx: frames of a clip to show; 0 for 8 (endpoint) or 1 (onnx). A dl4j model has its"
                            + " own number")
    int frames;

    @Parameter(
            names = "--max-tokens",
            order = 10,
            placeholder = "N",
            description = "endpoint, onnx: the most tokens of a caption; 0 for 512 (endpoint) or 32 (onnx)")
    int maxTokens;

    @ParametersDelegate
    private final ServerFlags server = new ServerFlags();

    @Parameter(
            names = "--max-side",
            order = 20,
            placeholder = "PIXELS",
            description = "endpoint: the longest side of a shown frame; larger frames are shrunk")
    int maxSide = 512;

    @Parameter(
            names = "--prompt-short",
            order = 21,
            placeholder = "FILE",
            description = "endpoint: file with the question for a short caption")
    String promptShort = ServerFlags.configs("recaption-short.txt");

    @Parameter(
            names = "--prompt-detailed",
            order = 22,
            placeholder = "FILE",
            description = "endpoint: file with the question for a detailed caption")
    String promptDetailed = ServerFlags.configs("recaption-detailed.txt");

    @Parameter(
            names = "--master",
            order = 23,
            placeholder = "URL",
            description = "The Spark master to run on; local[N] uses N cores of this machine")
    String master = "local[*]";

    @Parameter(
            names = "--overwrite",
            order = 24,
            description = "Delete the captioned data set in --output, finished or not")
    boolean overwrite;

    void check() {
        styles();
        if (attempts < 1) {
            throw new ConfigException("--attempts " + attempts + " is below 1; give 1 or more");
        }
    }

    List<String> styles() {
        List<String> asked =
                Arrays.stream(styles.split(",")).map(String::strip).distinct().toList();
        for (String style : asked) {
            if (!style.equals(Question.SHORT) && !style.equals(Question.DETAILED)) {
                throw new ConfigException("--styles " + styles + ": '" + style + "' is neither " + Question.SHORT
                        + " nor " + Question.DETAILED + "; give one of them, or both with a comma between");
            }
        }
        return asked;
    }

    CaptionerSettings captioner() throws IOException {
        return switch (CaptionerChoice.of(captioner)) {
            case DL4J -> new Dl4jSettings(Folder.at(model).locationOf(""), beam, temperature, seed);
            case ONNX ->
                new OnnxSettings(
                        model, frames == 0 ? 1 : frames, beam, maxTokens == 0 ? 32 : maxTokens, temperature, seed);
            case ENDPOINT -> endpoint();
        };
    }

    private EndpointSettings endpoint() {
        return new EndpointSettings(
                server.settings(model),
                Prompts.read(Path.of(promptShort), Path.of(promptDetailed)),
                frames == 0 ? 8 : frames,
                maxSide,
                maxTokens == 0 ? 512 : maxTokens,
                temperature);
    }
}
