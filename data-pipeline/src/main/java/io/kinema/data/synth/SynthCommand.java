package io.kinema.data.synth;

import com.beust.jcommander.Parameter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.video.Ffmpeg;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import me.tongfei.progressbar.ProgressBar;

/**
 * {@code launch/prepare.sh synth}: renders short videos of moving shapes. A {@code .json} beside a video has its
 * captions.
 */
public final class SynthCommand {
    private static final int MAX_CLIPS = 100_000;
    private static final int ENCODE_TIMEOUT_SECONDS = 120;
    private static final int NUM_THREADS = 2;
    private static final Map<String, Function<Scene, String>> CAPTIONS = new LinkedHashMap<>();
    private static final JsonMapper JSON = new JsonMapper();

    static {
        CAPTIONS.put("sentence", Scene::caption);
        CAPTIONS.put("short", Scene::shortCaption);
        CAPTIONS.put("detailed", Scene::detailedCaption);
    }

    private final Flags flags;
    private final Path output;

    private static final class Flags {
        @Parameter(
                names = "--output",
                order = 0,
                required = true,
                placeholder = "DIR",
                description = "Folder to make the videos in, on this machine")
        private String output = "";

        @Parameter(names = "--clips", order = 1, placeholder = "N", description = "Number of videos")
        private int clips = 64;

        @Parameter(
                names = "--seed",
                order = 2,
                placeholder = "S",
                description = "Decides the content: the same seed and number give the same video")
        private long seed = 7;

        @Parameter(
                names = "--max-shapes",
                order = 3,
                placeholder = "N",
                description = "The most shapes in a video, 1 to " + Scene.MAX_SHAPES)
        private int maxShapes = Scene.MAX_SHAPES;

        @Parameter(
                names = "--captions",
                order = 4,
                placeholder = "KINDS",
                description = "Captions of a video: sentence, short, detailed, or several with commas between")
        private String captions = String.join(",", CAPTIONS.keySet());

        @Parameter(
                names = "--captioned",
                order = 5,
                placeholder = "SHARE",
                description = "Share of videos with captions, 0 to 1; does not change the videos")
        private double captioned = 1;

        @Parameter(names = "--overwrite", order = 6, description = "Replace the videos in --output")
        private boolean overwrite;

        @Parameter(
                names = "--ffmpeg",
                order = 7,
                placeholder = "PATH",
                description = "An ffmpeg program to use in place of the bundled program")
        private String ffmpeg = "";
    }

    private SynthCommand(Flags flags, Path output) {
        this.flags = flags;
        this.output = output;
    }

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a video cannot be made
     */
    public static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine(
                        "launch/prepare.sh synth",
                        "makes videos of moving shapes, with captions beside each, to try things on",
                        flags)
                .parse(args)) {
            return 0;
        }
        CommandLine.requireRange("--clips", flags.clips, 1, MAX_CLIPS);
        CommandLine.requireRange("--max-shapes", flags.maxShapes, 1, Scene.MAX_SHAPES);
        CommandLine.requireRange("--captioned", flags.captioned, 0, 1);
        List<String> kinds = List.of(flags.captions.split(",", -1));
        for (String kind : kinds) {
            if (!CAPTIONS.containsKey(kind) || Collections.frequency(kinds, kind) > 1) {
                throw new ConfigException("--captions " + flags.captions + ": '" + kind + "' is not one of "
                        + String.join(", ", CAPTIONS.keySet()) + ", once each");
            }
        }
        if (flags.output.matches("[A-Za-z][A-Za-z0-9+.-]*://.*")) {
            throw new ConfigException("--output " + flags.output + " is not a path; synth makes its videos on this"
                    + " machine, copy them where they are needed");
        }
        new SynthCommand(flags, Path.of(flags.output).toAbsolutePath().normalize()).make();
        return 0;
    }

    private void make() throws IOException {
        checkOutput();
        Ffmpeg ffmpeg = Ffmpeg.locate(flags.ffmpeg, ENCODE_TIMEOUT_SECONDS);
        // Renamed at the end, so that a folder of this name always holds all of its videos.
        Path unfinished = output.resolveSibling("." + output.getFileName() + ".unfinished");
        try {
            delete(unfinished);
            Files.createDirectories(unfinished);
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot write to --output " + output + ": " + e.getMessage()
                            + "; choose a folder that can be written to",
                    e);
        }
        try {
            encodeAll(ffmpeg, unfinished);
            delete(output);
            Files.move(unfinished, output, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            delete(unfinished);
        }
        long captioned = IntStream.range(0, flags.clips)
                .filter(number -> Scene.isCaptioned(flags.seed, number, flags.captioned))
                .count();
        System.out.println(flags.clips + " videos, " + (captioned == flags.clips ? "all" : captioned)
                + " with captions, in " + output + ", encoded by " + ffmpeg.description());
    }

    /** Rejects a folder with files that must stay. */
    private void checkOutput() throws IOException {
        if (Files.isRegularFile(output)) {
            throw new ConfigException("--output " + output + " is a file; choose a folder");
        }
        if (!Files.isDirectory(output)) {
            return;
        }
        try (Stream<Path> files = Files.list(output)) {
            List<String> names =
                    files.map(file -> file.getFileName().toString()).toList();
            List<String> foreign = names.stream()
                    .filter(name -> !name.matches("clip-\\d{5}\\.\\w+"))
                    .toList();
            if (!foreign.isEmpty()) {
                throw new ConfigException("--output " + output + " holds files that synth did not make ("
                        + foreign.getFirst() + "); choose an empty folder");
            }
            if (!names.isEmpty() && !flags.overwrite) {
                throw new ConfigException("--output " + output + " holds videos already; choose another folder, or give"
                        + " --overwrite to replace them");
            }
        }
    }

    private void encodeAll(Ffmpeg ffmpeg, Path folder) throws IOException {
        List<Future<?>> pending = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(
                        NUM_THREADS, Thread.ofPlatform().name("synth-", 0).factory());
                ProgressBar bar = ProgressDisplay.bar("Making", "videos", flags.clips)) {
            for (int i = 0; i < flags.clips; i++) {
                int number = i;
                pending.add(threads.submit(() -> {
                    encode(ffmpeg, folder, number);
                    return number;
                }));
            }
            for (Future<?> each : pending) {
                try {
                    each.get();
                    bar.step();
                } catch (ExecutionException e) {
                    threads.shutdownNow();
                    if (e.getCause() instanceof RuntimeException mistake) {
                        throw mistake;
                    }
                    throw new IOException(
                            "cannot make the videos: " + e.getCause().getMessage(), e);
                } catch (InterruptedException e) {
                    threads.shutdownNow();
                    Thread.currentThread().interrupt();
                    throw new IOException("making videos was interrupted", e);
                }
            }
        }
    }

    private void encode(Ffmpeg ffmpeg, Path folder, int number) throws IOException {
        Scene scene = Scene.of(flags.seed, number, flags.maxShapes);
        String name = String.format("clip-%05d", number);
        ffmpeg.encode(
                folder.resolve(name + "." + scene.extension()),
                SceneRenderer.render(scene),
                scene.height(),
                scene.width(),
                scene.frameRateHz());
        if (Scene.isCaptioned(flags.seed, number, flags.captioned)) {
            List<String> captions = Arrays.stream(flags.captions.split(","))
                    .map(kind -> CAPTIONS.get(kind).apply(scene))
                    .toList();
            Files.writeString(
                    folder.resolve(name + ".json"), JSON.writeValueAsString(Map.of("captions", captions)) + "\n");
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.notExists(folder)) {
            return;
        }
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) throws IOException {
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
