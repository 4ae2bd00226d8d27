package io.kinema.recaption.show;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;

/** {@code launch/recaption.sh show}: writes a page with the clips and captions of a data set. */
public final class ShowCommand {
    private static final String SUFFIX = ".html";
    private static final int MAX_FRAMES = 64;
    private static final int MIN_SIDE = 16;
    private static final int MAX_SIDE = 2048;

    /** Fewer clips are done before anybody could read a progress bar. */
    private static final int CLIPS_WORTH_A_BAR = 50;

    private static final class Flags {
        @Parameter(
                names = "--data",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "The data set: a path, file:// or hdfs://")
        private String data = "";

        @Parameter(
                names = "--output",
                order = 1,
                placeholder = "FILE.html",
                description = "File of the page; an older page of captions is replaced")
        private String output = "captions.html";

        @Parameter(
                names = "--clips",
                order = 2,
                placeholder = "N",
                description = "Show this many clips, spread evenly over the data set; 0 shows all")
        private int clips = 200;

        @Parameter(
                names = "--frames",
                order = 3,
                placeholder = "K",
                description = "Show this many frames of a clip, from its first to its last")
        private int frames = 4;

        @Parameter(
                names = "--max-side",
                order = 4,
                placeholder = "PIXELS",
                description = "Shrink frames until neither side is longer than this")
        private int maxSide = 160;

        @Parameter(
                names = "--overwrite",
                order = 5,
                description = "Replace the file at --output even if it is no page of captions")
        private boolean overwrite;

        void check() {
            requireBetween("--clips", clips, 0, Integer.MAX_VALUE, "give how many clips to show, 0 for all");
            requireBetween("--frames", frames, 1, MAX_FRAMES, "give how many frames of a clip to show");
            requireBetween("--max-side", maxSide, MIN_SIDE, MAX_SIDE, "give how many pixels of a frame to show");
        }

        private static void requireBetween(String flag, int value, int least, int most, String remedy) {
            if (value < least) {
                throw new ConfigException(flag + " " + value + " is less than " + least + "; " + remedy);
            }
            if (value > most) {
                throw new ConfigException(flag + " " + value + " is more than " + most + "; " + remedy);
            }
        }
    }

    private ShowCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags, without the word {@code show}
     * @return the exit code, 0
     * @throws ConfigException if a flag is wrong, there is no data set, or the page cannot be written there
     * @throws IOException if the data set is damaged, or reading or writing fails
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                "launch/recaption.sh show",
                "writes a page that shows the captions of a data set beside its clips; any browser opens it",
                flags);
        if (!line.parse(args)) {
            return 0;
        }
        flags.check();
        // Drawing pictures needs no screen, and a server has none.
        System.setProperty("java.awt.headless", "true");
        Path target = Path.of(flags.output).toAbsolutePath().normalize();
        check(target, flags);
        try (Dataset data = Dataset.open(flags.data)) {
            List<ClipEntry> chosen = spread(data.clips(), flags.clips);
            write(data, chosen, target, flags);
            System.out.printf(
                    "page of %d of %d clips: %s (%s); open it in a browser%n",
                    chosen.size(), data.clips().size(), target, size(Files.size(target)));
        }
        return 0;
    }

    private static String size(long bytes) {
        return bytes < 1_000_000 ? String.format("%.0f kB", bytes / 1e3) : String.format("%.1f MB", bytes / 1e6);
    }

    private static void check(Path target, Flags flags) throws IOException {
        String output = "--output " + flags.output;
        if (!target.toString().endsWith(SUFFIX)) {
            throw new ConfigException(
                    output + " does not end in " + SUFFIX + "; give the name of a page, such as captions.html");
        }
        Path folder = target.getParent();
        if (!Files.isDirectory(folder)) {
            throw new ConfigException(
                    output + ": " + folder + " is " + (Files.exists(folder) ? "not a folder" : "not there")
                            + "; make it, or give a page in a folder that is there");
        }
        if (!Files.isWritable(folder)) {
            throw new ConfigException(output + ": the folder " + folder
                    + " cannot be written to; change its permissions, or give a page in another folder");
        }
        if (Files.isDirectory(target)) {
            throw new ConfigException(output + " is a folder; give the name of a page in it or beside it");
        }
        if (Files.exists(target) && !flags.overwrite && !CaptionPage.isOne(target)) {
            throw new ConfigException(output + " is there and is no page of captions; give another name, or"
                    + " --overwrite to replace it");
        }
    }

    /** Chooses so many clips, evenly spread, in the data set's order; 0 chooses all. */
    static <T> List<T> spread(List<T> all, int numAsked) {
        int numShown = numAsked == 0 ? all.size() : Math.min(numAsked, all.size());
        List<T> shown = new ArrayList<>(numShown);
        for (int i = 0; i < numShown; i++) {
            shown.add(all.get((int) ((long) i * all.size() / numShown)));
        }
        return shown;
    }

    /** Writes under another name first, so that an older page stays until the new page is complete. */
    private static void write(Dataset data, List<ClipEntry> chosen, Path target, Flags flags) throws IOException {
        String name = "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp";
        Path temporary = target.resolveSibling(name);
        try {
            try (CaptionPage page = new CaptionPage(
                    Files.newOutputStream(temporary), new CaptionPage.Pictures(flags.frames, flags.maxSide))) {
                if (chosen.size() < CLIPS_WORTH_A_BAR) {
                    for (ClipEntry entry : chosen) {
                        page.add(data.read(entry));
                    }
                } else {
                    addWithBar(data, chosen, page);
                }
                page.finish(data, Folder.at(flags.data).locationOf(""));
            }
            Files.move(temporary, target, REPLACE_EXISTING, ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void addWithBar(Dataset data, List<ClipEntry> chosen, CaptionPage page) throws IOException {
        try (ProgressBar bar = ProgressDisplay.bar("Drawing", "clips", chosen.size())) {
            for (ClipEntry entry : chosen) {
                page.add(data.read(entry));
                bar.step();
            }
        }
    }
}
