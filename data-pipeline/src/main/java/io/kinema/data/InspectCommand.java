package io.kinema.data;

import com.beust.jcommander.Parameter;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** {@code launch/prepare.sh inspect}: describes a data set. Reads every clip, and so checks every digest. */
final class InspectCommand {
    private static final int MAX_CAPTIONS = 8;
    private static final int MAX_SHAPES = 20;
    private static final int BAR_COLUMNS = 30;
    private static final String PATCH = "patch";

    private static final class Flags {
        @Parameter(description = "DIR")
        private List<String> folders = new ArrayList<>();

        @Parameter(
                names = "--contact-sheet",
                order = 0,
                placeholder = "FILE.png",
                description = "Draw some clips into this file: a row for each clip, frames from first to last")
        private String contactSheet = "";

        @Parameter(
                names = "--patch",
                order = 1,
                placeholder = "TxHxW",
                description = "Size of tokens to count; by default the size that the data set was prepared for")
        private String patch = "";
    }

    private InspectCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line =
                new CommandLine("launch/prepare.sh inspect", "shows what is in the data set in a folder", flags);
        if (!line.parse(args)) {
            return 0;
        }
        if (flags.folders.size() != 1) {
            throw new ConfigException(
                    "inspect takes one folder, not " + flags.folders.size() + "; see launch/prepare.sh inspect --help");
        }
        try (Dataset data = Dataset.open(flags.folders.getFirst())) {
            String text = flags.patch.isEmpty() ? data.manifest().preparedWith().getOrDefault(PATCH, "") : flags.patch;
            if (text.isEmpty()) {
                throw new ConfigException(
                        flags.folders.getFirst() + " does not say for which patch it was prepared; give --patch");
            }
            print(data, Patch.parse(text));
            if (!flags.contactSheet.isEmpty()) {
                Path file = Path.of(flags.contactSheet);
                int numDrawn = ContactSheet.write(data, file);
                System.out.println("contact sheet of " + numDrawn + " clips: " + file.toAbsolutePath());
            }
        }
        return 0;
    }

    private static void print(Dataset data, Patch patch) throws IOException {
        Manifest manifest = data.manifest();
        Manifest.Counts counts = manifest.counts();
        System.out.printf(
                "%d clips of %d files, %d frames, %.1f seconds, in %d shards of %.1f MB; %d files quarantined%n",
                counts.clips(),
                counts.files(),
                counts.frames(),
                counts.seconds(),
                manifest.shards().size(),
                manifest.shards().stream().mapToLong(Manifest.FileEntry::bytes).sum() / 1e6,
                counts.quarantined());
        System.out.println("prepared with " + manifest.preparedWith() + ", manifest SHA-256 " + data.sha256());
        printTokens(data, patch);
        printShapes(data);
        printClips(data);
    }

    private static void printTokens(Dataset data, Patch patch) {
        long[] tokens = data.clips().stream()
                .mapToLong(clip -> patch.numTokens(clip.numFrames(), clip.height(), clip.width()))
                .sorted()
                .toArray();
        long sum = LongStream.of(tokens).sum();
        System.out.printf(
                "tokens of %s: %d in all; a clip has %d at least, %d in the middle, %d at most%n",
                patch, sum, tokens[0], tokens[tokens.length / 2], tokens[tokens.length - 1]);
    }

    private static void printShapes(Dataset data) {
        Map<String, Integer> shapes = new TreeMap<>();
        for (ClipEntry clip : data.clips()) {
            String shape = String.format("%4d frames of %4d x %4d", clip.numFrames(), clip.width(), clip.height());
            shapes.merge(shape, 1, Integer::sum);
        }
        int most = shapes.values().stream().mapToInt(Integer::intValue).max().orElse(1);
        System.out.println("shapes (frames of width x height):");
        shapes.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue()
                        .reversed()
                        .thenComparing(Map.Entry.comparingByKey()))
                .limit(MAX_SHAPES)
                .forEach(shape -> System.out.printf(
                        "  %s %6d %s%n",
                        shape.getKey(),
                        shape.getValue(),
                        "#".repeat(Math.max(1, BAR_COLUMNS * shape.getValue() / most))));
        if (shapes.size() > MAX_SHAPES) {
            System.out.printf("  and %d further shapes%n", shapes.size() - MAX_SHAPES);
        }
    }

    private static void printClips(Dataset data) throws IOException {
        int numCaptioned = 0;
        double motion = 0;
        double brightness = 0;
        List<String> examples = new ArrayList<>();
        for (ClipEntry entry : data.clips()) {
            Clip clip = data.read(entry);
            motion += clip.measurements().motion();
            brightness += clip.measurements().brightness();
            numCaptioned += clip.captions().isEmpty() ? 0 : 1;
            for (Caption caption : clip.captions()) {
                if (examples.size() < MAX_CAPTIONS) {
                    examples.add("  " + clip.id() + ": " + caption.text().replace('\n', ' '));
                }
            }
        }
        int numClips = data.clips().size();
        System.out.printf(
                "motion %.4f, brightness %.3f on average (0 to 1)%n", motion / numClips, brightness / numClips);
        System.out.printf("captions: %d of %d clips have one%n", numCaptioned, numClips);
        examples.forEach(System.out::println);
    }
}
