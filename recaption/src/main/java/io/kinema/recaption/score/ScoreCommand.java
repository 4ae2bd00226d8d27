package io.kinema.recaption.score;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.LaunchScript;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.run.CaptionRunCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** {@code launch/recaption.sh score}: how well a trained video model follows prompts. */
public final class ScoreCommand {
    private static final String SUMMARY = """
            measures how well a trained video model follows prompts

            Samples videos for the prompts (launch/sample.sh), prepares them (launch/prepare.sh) and captions them. Then
            counts how often a caption agrees with its prompt: in number, colour, shape, motion and background, in the
            words of launch/prepare.sh synth. Intervals are 95 % intervals of a bootstrap over prompts. The captioner's
            own mistakes count against the model: compare models with the same captioner and prompts.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--checkpoint",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "Checkpoint of the video model, as for launch/sample.sh")
        private String checkpoint = "";

        @Parameter(
                names = "--prompts",
                order = 1,
                required = true,
                placeholder = "FILE",
                description = "File with a prompt a line")
        private String prompts = "";

        @Parameter(
                names = "--model",
                order = 2,
                required = true,
                placeholder = "DIR",
                description = "Folder of a captioner trained by launch/recaption.sh train")
        private String model = "";

        @Parameter(
                names = "--output",
                order = 3,
                required = true,
                placeholder = "DIR",
                description = "New folder for the videos, the captions and score.md")
        private String output = "";

        @Parameter(names = "--repeats", order = 4, placeholder = "N", description = "Number of videos of each prompt")
        private int repeats = 1;

        @Parameter(names = "--seed", order = 5, placeholder = "S", description = "Seed of the first video's noise")
        private long seed = 1;

        @Parameter(
                names = "--sample",
                order = 6,
                placeholder = "FLAGS",
                description =
                        "Further flags of launch/sample.sh, such as \"--width 40 --height 24 --frames 8 --steps 20\"")
        private String sample = "";
    }

    private ScoreCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a file cannot be read or written
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine("launch/recaption.sh score", SUMMARY, flags).parse(args)) {
            return 0;
        }
        if (flags.repeats < 1) {
            throw new ConfigException("--repeats " + flags.repeats + " is below 1; give 1 or more");
        }
        Path output = claim(Path.of(flags.output));
        Path videos = Files.createDirectories(output.resolve("videos"));
        for (int i = 0; i < flags.repeats; i++) {
            sample(flags, videos.resolve("repeat-" + i), flags.seed + i);
        }
        String data = output.resolve("data").toString();
        new LaunchScript("prepare.sh", prepareFlags(videos, data)).run(true);
        String captioned = output.resolve("captioned").toString();
        CaptionRunCommand.run(
                "--data", data, "--model", flags.model, "--output", captioned, "--styles", Question.DETAILED);
        Fidelity fidelity = Fidelity.of(captions(captioned));
        String text = fidelity.numVideos() + " videos of " + fidelity.numPrompts() + " prompts\n\n" + fidelity.table();
        Files.writeString(output.resolve("score.md"), text);
        System.out.print(text);
        return 0;
    }

    private static Path claim(Path output) throws IOException {
        if (Files.exists(output)) {
            boolean isEmpty = Files.isDirectory(output);
            if (isEmpty) {
                try (Stream<Path> files = Files.list(output)) {
                    isEmpty = files.findAny().isEmpty();
                }
            }
            if (!isEmpty) {
                throw new ConfigException(
                        "--output " + output + " is there already; give the name of a new folder, or of an empty one");
            }
        }
        return output;
    }

    private static void sample(Flags flags, Path videos, long seed) throws IOException {
        List<String> args = new ArrayList<>(List.of(
                "--checkpoint",
                flags.checkpoint,
                "--prompts",
                flags.prompts,
                "--separate",
                "webm",
                "--enlarge",
                "64",
                "--seed",
                Long.toString(seed),
                "--output",
                videos.toString()));
        Stream.of(flags.sample.strip().split("\\s+"))
                .filter(flag -> !flag.isEmpty())
                .forEach(args::add);
        new LaunchScript("sample.sh", args).run(false);
    }

    /** Whole videos, as they are. */
    private static List<String> prepareFlags(Path videos, String data) {
        return List.of(
                "--input",
                videos.toString(),
                "--output",
                data,
                "--max-pixels",
                Integer.toString(1 << 20),
                "--clip-seconds",
                "3600",
                "--patch",
                "1x1x1");
    }

    private static Map<String, List<String>> captions(String location) throws IOException {
        Map<String, List<String>> captions = new LinkedHashMap<>();
        try (Dataset data = Dataset.open(location)) {
            for (ClipEntry entry : data.clips()) {
                String prompt = "";
                String caption = "";
                for (Caption each : data.read(entry).captions()) {
                    if (each.style().equals(Caption.ORIGINAL)) {
                        prompt = each.text();
                    } else {
                        caption = each.text();
                    }
                }
                // A video that got no caption of use shows nothing that was asked for.
                captions.computeIfAbsent(prompt, key -> new ArrayList<>()).add(caption);
            }
        }
        return captions;
    }
}
