package io.kinema.data.video;

import io.kinema.data.command.ConfigException;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/**
 * The programs {@code ffmpeg} and {@code ffprobe}.
 *
 * @param ffmpeg path of the encoder and decoder
 * @param ffprobe path of the program that describes files
 * @param environment environment variables of both
 * @param origin their origin, in words
 * @param version the version in ffmpeg's words
 * @param encoders names of its encoders
 */
record FfmpegPrograms(
        String ffmpeg,
        String ffprobe,
        Map<String, String> environment,
        String origin,
        String version,
        Set<String> encoders) {
    private static final LimitedProcess.Limits LIMITS = new LimitedProcess.Limits(30_000, 4 << 20);
    private static final Pattern VERSION = Pattern.compile("ffmpeg version (\\S+)");
    private static final Pattern ENCODER = Pattern.compile("(?m)^ V\\S{5} (\\S+) ");

    /**
     * Finds programs that run: the given programs, else the bundled ones, else those on the PATH.
     *
     * @param given path of an ffmpeg program; empty to look for one
     * @throws ConfigException if no program runs; the message has the reason for each
     */
    static FfmpegPrograms locate(String given) throws IOException {
        if (!given.isEmpty()) {
            Path beside = Path.of(given).toAbsolutePath().resolveSibling("ffprobe");
            String ffprobe = Files.isExecutable(beside) ? beside.toString() : "ffprobe";
            return tryOut(given, ffprobe, Map.of(), "--ffmpeg " + given);
        }
        String failure;
        try {
            return bundled();
        } catch (ConfigException e) {
            failure = e.getMessage();
        }
        try {
            return tryOut("ffmpeg", "ffprobe", Map.of(), "from the PATH, as the bundled one does not run: " + failure);
        } catch (ConfigException e) {
            throw new ConfigException(
                    failure + "; " + e.getMessage() + "; install ffmpeg, or the missing library, or give --ffmpeg PATH",
                    e);
        }
    }

    /**
     * The programs inside the JavaCPP artifact. Its Java classes are not used: they load libraries that servers lack.
     */
    private static FfmpegPrograms bundled() throws IOException {
        Path folder = unpacked();
        for (String program : List.of("ffmpeg", "ffprobe")) {
            File file = folder.resolve(program).toFile();
            if (!file.canExecute() && !file.setExecutable(true)) {
                throw new ConfigException("the bundled " + file + " cannot be made executable");
            }
        }
        String inherited = System.getenv().getOrDefault("LD_LIBRARY_PATH", "");
        String libraries = folder + (inherited.isEmpty() ? "" : File.pathSeparator + inherited);
        return tryOut(
                folder.resolve("ffmpeg").toString(),
                folder.resolve("ffprobe").toString(),
                Map.of("LD_LIBRARY_PATH", libraries),
                "bundled");
    }

    /** The folder with the programs and their libraries, unpacked once per version into JavaCPP's cache. */
    private static Path unpacked() throws IOException {
        String resource = "org/bytedeco/ffmpeg/" + Loader.getPlatform() + "/";
        URL url = FfmpegPrograms.class.getClassLoader().getResource(resource);
        if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
            throw new ConfigException("no bundled ffmpeg for " + Loader.getPlatform());
        }
        List<String> names;
        try (Stream<JarEntry> entries = connection.getJarFile().stream()) {
            names = entries.map(JarEntry::getName)
                    .filter(name -> name.startsWith(resource) && name.matches(".*/(ffmpeg|ffprobe|lib(?!jni)[^/]+)"))
                    .toList();
        }
        // One by one: for a whole folder JavaCPP inflates the whole jar even if everything is cached.
        Path cached = Path.of("");
        for (String name : names) {
            cached = Loader.cacheResource(FfmpegPrograms.class, "/" + name).toPath();
        }
        return cached.toAbsolutePath().getParent();
    }

    private static FfmpegPrograms tryOut(String ffmpeg, String ffprobe, Map<String, String> environment, String origin)
            throws IOException {
        String text = output(List.of(ffmpeg, "-encoders"), environment);
        output(List.of(ffprobe, "-version"), environment);
        Matcher version = VERSION.matcher(text);
        Set<String> encoders = new HashSet<>();
        for (Matcher encoder = ENCODER.matcher(text); encoder.find(); ) {
            encoders.add(encoder.group(1));
        }
        return new FfmpegPrograms(
                ffmpeg, ffprobe, environment, origin, version.find() ? version.group(1) : "unknown", encoders);
    }

    private static String output(List<String> command, Map<String, String> environment) throws IOException {
        try (LimitedProcess child = LimitedProcess.start(command, environment, LIMITS)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            child.stdout().transferTo(out);
            LimitedProcess.Ending ending = child.await();
            if (!ending.good()) {
                String why = ending.timedOut() ? "no answer in time" : firstLine(ending.lastWords());
                throw new ConfigException(
                        "cannot run " + command.getFirst() + " (exit code " + ending.code() + ": " + why + ")");
            }
            return out.toString(StandardCharsets.UTF_8) + ending.lastWords();
        }
    }

    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("it said nothing");
    }

    /** Those of these encoders that ffmpeg has, one at least. */
    List<String> encoders(List<String> wanted) {
        List<String> found = wanted.stream().filter(encoders::contains).toList();
        if (found.isEmpty()) {
            throw new ConfigException("ffmpeg " + version + " (" + origin + ") has none of the encoders " + wanted
                    + "; give another with --ffmpeg PATH");
        }
        return found;
    }
}
