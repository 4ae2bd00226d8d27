package io.kinema.train.checkpoint;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * {@code launch/checkpoint.sh list}: the checkpoints of a run, a line each, newest first. Reads manifests and sizes
 * only.
 */
final class ListCommand {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);
    private static final String REMOVAL = "the next checkpoint removes it";

    private static final class Flags {
        @Parameter(description = "RUN")
        private List<String> folders = new ArrayList<>();
    }

    private ListCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                CheckpointCommand.PROGRAM + " list",
                "lists the checkpoints of a run, newest first: step, when it was written, size, how many ranks"
                        + " wrote it,"
                        + " whether all files are there and have their size (verify reads them), whether LATEST"
                        + " names it",
                flags);
        if (!line.parse(args)) {
            return 0;
        }
        Path path = CheckpointCommand.folders("list", flags.folders, 1).getFirst();
        if (CheckpointFolder.isCheckpoint(path)) {
            throw new ConfigException(path + " is a checkpoint itself; list the folder that it is in, or verify it");
        }
        CheckpointFolder folder = CheckpointFolder.of(path);
        List<Path> checkpoints = folder.list();
        if (checkpoints.isEmpty()) {
            System.out.println("no checkpoints in " + folder.path());
        } else {
            System.out.printf(Locale.ROOT, "%10s  %-19s  %12s  %5s  %s%n", "step", "written", "MB", "ranks", "files");
            String latest = folder.latest();
            for (Path each : checkpoints) {
                System.out.println(describe(each)
                        + (each.getFileName().toString().equals(latest) ? ", " + CheckpointFolder.LATEST : ""));
            }
        }
        for (Path left : folder.unfinished()) {
            System.out.println(left + " is being written, or was when a run was interrupted; " + REMOVAL);
        }
        for (Path left : folder.discarded()) {
            System.out.println(left + " is being deleted, or was when a run was interrupted; " + REMOVAL);
        }
        folder.lostLatest().ifPresent(System.out::println);
        return 0;
    }

    private static String describe(Path path) throws IOException {
        List<String> problems = CheckpointManifest.sizeProblems(path);
        Path file = path.resolve(CheckpointManifest.FILE);
        String row = "%10d  %-19s  %12s  %5s  %s";
        long step = CheckpointFolder.stepOf(path);
        String files = problems.isEmpty() ? "complete" : "incomplete: " + problems.getFirst();
        if (!Files.isRegularFile(file)) {
            return String.format(Locale.ROOT, row, step, "", "", "", files);
        }
        Instant written = Files.getLastModifiedTime(file).toInstant();
        String when = TIME.format(written.atZone(ZoneId.systemDefault()));
        String megabytes = "";
        String ranks = "";
        if (problems.isEmpty()) {
            CheckpointManifest manifest = CheckpointManifest.read(path);
            megabytes = CheckpointCommand.megabytes(manifest.totalBytes());
            ranks = Integer.toString(manifest.worldSize());
        }
        return String.format(Locale.ROOT, row, step, when, megabytes, ranks, files);
    }
}
