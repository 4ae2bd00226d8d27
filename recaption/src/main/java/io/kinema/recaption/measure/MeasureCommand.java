package io.kinema.recaption.measure;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import me.tongfei.progressbar.ProgressBar;

/** {@code launch/recaption.sh measure}: compares new captions with the captions that came with the videos. */
public final class MeasureCommand {
    private static final String SUMMARY = """
            compares new captions with the captions that came with the videos

            Prints BLEU-4, CIDEr-D and the mean confidence of each captioner and style. All captions that came with a
            clip are references. For videos of launch/prepare.sh synth also the share of captions that name the right
            number, colour, shape, motion and background, with 95 % intervals (Wilson). Measure on videos that the
            captioner was not trained on.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--data",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "Folder of a data set that launch/recaption.sh run made from videos with captions")
        private String data = "";

        @Parameter(
                names = "--json",
                order = 1,
                placeholder = "FILE",
                description = "Also write the figures into this file")
        private String json = "";
    }

    /** Who wrote a caption, and in which style. */
    private record Writer(String style, String origin, String model) {}

    private MeasureCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a clip cannot be read
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine("launch/recaption.sh measure", SUMMARY, flags).parse(args)) {
            return 0;
        }
        List<CaptionScores> scores = scores(flags.data);
        System.out.print(CaptionScores.table(scores));
        if (!flags.json.isEmpty()) {
            try {
                Files.writeString(Path.of(flags.json), CaptionScores.json(scores));
            } catch (IOException e) {
                throw new ConfigException(
                        "cannot write --json " + flags.json + ": " + e + "; give a file in a folder that is there", e);
            }
        }
        return 0;
    }

    private static List<CaptionScores> scores(String location) throws IOException {
        Map<Writer, CaptionScores.Collector> byWriter = new LinkedHashMap<>();
        try (Dataset data = Dataset.open(location);
                ProgressBar bar =
                        ProgressDisplay.bar("Reading", "clips", data.clips().size())) {
            for (ClipEntry entry : data.clips()) {
                List<Caption> captions = data.read(entry).captions();
                List<String> references = captions.stream()
                        .filter(caption -> caption.style().equals(Caption.ORIGINAL))
                        .map(Caption::text)
                        .toList();
                for (Caption caption : captions) {
                    if (!references.isEmpty() && !caption.style().equals(Caption.ORIGINAL)) {
                        Writer writer = new Writer(caption.style(), caption.origin(), caption.model());
                        byWriter.computeIfAbsent(
                                        writer,
                                        who -> new CaptionScores.Collector(who.style(), who.origin(), who.model()))
                                .add(caption, references);
                    }
                }
                bar.step();
            }
        }
        if (byWriter.isEmpty()) {
            throw new ConfigException("no clip of " + location
                    + " has both a caption that came with the video and a new caption; caption it with"
                    + " launch/recaption.sh run");
        }
        return byWriter.values().stream().map(CaptionScores.Collector::scores).toList();
    }
}
