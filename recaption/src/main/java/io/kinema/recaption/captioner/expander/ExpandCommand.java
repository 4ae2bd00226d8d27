package io.kinema.recaption.captioner.expander;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.TextFile;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.TokenSearch;
import io.kinema.recaption.captioner.network.CaptionGraph;
import io.kinema.recaption.captioner.network.CaptionLengths;
import io.kinema.recaption.captioner.network.CaptionModel;
import io.kinema.recaption.captioner.network.CaptionWriter;
import io.kinema.recaption.captioner.network.Words;
import io.kinema.recaption.captioner.served.ChatClient;
import io.kinema.recaption.captioner.served.ChatRequest;
import io.kinema.recaption.captioner.served.ServerFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.nd4j.linalg.factory.Nd4j;

/** {@code launch/recaption.sh expand}: makes detailed prompts of short ones, a line each on stdout. */
public final class ExpandCommand {
    private static final String SUMMARY = """
            makes a detailed prompt of a short one

            A video model that was trained on detailed captions follows detailed prompts best. The prompt is written to
            stdout, a line for each prompt, and nothing else.\
            """;

    private static final class Flags {
        @Parameter(description = "\"PROMPT\"")
        private List<String> prompt = new ArrayList<>();

        @Parameter(
                names = "--prompts",
                order = 0,
                placeholder = "FILE",
                description = "File with a prompt a line, in place of the prompt itself")
        private String prompts = "";

        @Parameter(
                names = "--expander",
                order = 1,
                placeholder = "dl4j|endpoint",
                description =
                        "The writer: dl4j, a model trained by launch/recaption.sh train-expander; endpoint, a server"
                                + " with the interface of OpenAI's chat completions")
        private String expander = "dl4j";

        @Parameter(
                names = "--model",
                order = 2,
                required = true,
                placeholder = "DIR|NAME",
                description = "The model's folder; for endpoint the model's name on the server")
        private String model = "";

        @Parameter(
                names = "--beam",
                order = 3,
                placeholder = "N",
                description = "dl4j: number of texts that beam search keeps; 1 is greedy")
        private int beam = 4;

        @Parameter(
                names = "--instructions",
                order = 4,
                placeholder = "FILE",
                description = "endpoint: file of instructions for the model")
        private String instructions = ServerFlags.configs("recaption-expand.txt");

        @Parameter(
                names = "--temperature",
                order = 5,
                placeholder = "T",
                description = "endpoint: temperature of sampling")
        private double temperature = 0.7;

        @Parameter(
                names = "--max-tokens",
                order = 6,
                placeholder = "N",
                description = "endpoint: the most tokens of a prompt")
        private int maxTokens = 512;

        @ParametersDelegate
        private final ServerFlags server = new ServerFlags();
    }

    private ExpandCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a prompt cannot be expanded
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine("launch/recaption.sh expand", SUMMARY, flags).parse(args)) {
            return 0;
        }
        List<String> prompts = prompts(flags);
        List<Answer> answers = switch (flags.expander) {
            case "dl4j" -> byModel(flags, prompts);
            case "endpoint" -> byServer(flags, prompts);
            default ->
                throw new ConfigException("--expander " + flags.expander + " is not known; give dl4j or endpoint");
        };
        for (int i = 0; i < prompts.size(); i++) {
            Answer answer = answers.get(i);
            if (!answer.problem().isEmpty() || answer.text().isBlank()) {
                throw new IOException("'" + prompts.get(i) + "' was not expanded: "
                        + (answer.problem().isEmpty() ? "the answer is empty" : answer.problem())
                        + "; put it in other words");
            }
            System.out.println(answer.text().strip().replaceAll("\\s+", " "));
        }
        return 0;
    }

    private static List<String> prompts(Flags flags) {
        if (flags.prompt.size() == (flags.prompts.isEmpty() ? 0 : 1) || flags.prompt.size() > 1) {
            throw new ConfigException(flags.prompt.size() + " prompts and --prompts '" + flags.prompts
                    + "': give one prompt in quotation marks, or a file");
        }
        if (flags.prompts.isEmpty()) {
            return checked(flags.prompt, "the prompt");
        }
        return checked(
                TextFile.lines("--prompts", Path.of(flags.prompts)).stream()
                        .filter(line -> !line.isBlank())
                        .toList(),
                "--prompts " + flags.prompts);
    }

    private static List<String> checked(List<String> prompts, String what) {
        if (prompts.isEmpty() || prompts.stream().anyMatch(String::isBlank)) {
            throw new ConfigException(what + " is empty; say what the video shows");
        }
        return prompts;
    }

    private static List<Answer> byModel(Flags flags, List<String> prompts) throws IOException {
        if (flags.beam < 1) {
            throw new ConfigException("--beam " + flags.beam + " is below 1; give a whole number of 1 or more");
        }
        CaptionModel.Loaded loaded = CaptionModel.read(flags.model, CaptionModel.EXPANDER);
        Words words = new Words(loaded.model().words());
        int length = CaptionGraph.Prompt.NUM_TOKENS;
        float[] seen = new float[prompts.size() * length];
        int[][] beginnings = new int[prompts.size()][];
        for (int i = 0; i < prompts.size(); i++) {
            PairExamples.write(words, prompts.get(i), seen, i * length);
            beginnings[i] = new int[] {CaptionLengths.tokenFor(Question.DETAILED)};
        }
        CaptionWriter writer = new CaptionWriter(loaded.model().graph(), loaded.graph());
        writer.show(Nd4j.create(seen, new long[] {seen.length, 1}, 'c'));
        return new TokenSearch(Words.END, loaded.model().maxTokens())
                .beamSearch(writer, beginnings, flags.beam).stream()
                        .map(text -> new Answer(
                                words.text(text.tokens()), text.confidence(), text.ended() ? "" : Answer.TRUNCATED))
                        .toList();
    }

    private static List<Answer> byServer(Flags flags, List<String> prompts) throws IOException {
        String instructions =
                TextFile.read("--instructions", Path.of(flags.instructions)).strip();
        try (ChatClient client = new ChatClient(flags.server.settings(flags.model))) {
            return client.askAll(prompts.stream()
                    .map(prompt -> (Supplier<ChatRequest>) () ->
                            new ChatRequest(instructions, prompt, List.of(), flags.maxTokens, flags.temperature, 0))
                    .toList());
        }
    }
}
