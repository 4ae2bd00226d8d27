package io.kinema.train.dist.process;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/**
 * The file that one rank's output is appended to by the operating system, after what earlier starts of the rank have
 * left. It is read from where this start began, behind a line that says when.
 */
public final class RankLog {
    /** What begins the line in which a program says why it ends. */
    static final String ERROR = "error: ";

    private static final int LAST_LINES = 12;
    private static final int LAST_BYTES = 8 * 1024;
    private static final int COPY_BYTES = 64 * 1024;

    private final Path path;
    private final long startBytes;
    private long shownBytes;

    private RankLog(Path path) throws IOException {
        this.path = path;
        startBytes = Files.size(path);
        shownBytes = startBytes;
    }

    /**
     * Begins a start of a rank with the line that says when.
     *
     * @param directory folder of the logs
     * @param rank whose
     * @return the log
     * @throws IOException when the folder cannot be written
     */
    public static RankLog begin(Path directory, int rank) throws IOException {
        Path path = file(directory, rank);
        String heading = "=== rank " + rank + " starts at " + Instant.now().truncatedTo(ChronoUnit.SECONDS) + "\n";
        try {
            Files.writeString(path, heading, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            // A full disk keeps the line away; the rank may make room, or need none.
            if (!Files.exists(path)) {
                throw e;
            }
        }
        return new RankLog(path);
    }

    /** The log of a start that the launcher has begun on another host. */
    static RankLog of(Path directory, int rank) throws IOException {
        return new RankLog(file(directory, rank));
    }

    private static Path file(Path directory, int rank) {
        return directory.resolve("rank-%05d.log".formatted(rank));
    }

    /** Adds a line that is not the rank's own. */
    void note(String line) throws IOException {
        Files.writeString(path, line + "\n", StandardOpenOption.APPEND);
    }

    Path path() {
        return path;
    }

    /** Where the next output will be. */
    long bytes() throws IOException {
        return Files.size(path);
    }

    /** Copies what has been written since the last call. */
    void showNew(PrintStream screen) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer buffer = ByteBuffer.allocate(COPY_BYTES);
            while (channel.read(buffer, shownBytes) > 0) {
                screen.write(buffer.array(), 0, buffer.position());
                shownBytes += buffer.position();
                buffer.clear();
            }
            screen.flush();
        }
    }

    /** The last lines of this start's output; if one of them says why it ended, that line and what follows it. */
    List<String> lastLines() throws IOException {
        List<String> lines =
                textFrom(Math.max(startBytes, bytes() - LAST_BYTES)).lines().toList();
        for (int i = lines.size() - 1; i >= 0; i--) {
            if (lines.get(i).startsWith(ERROR)) {
                return lines.subList(i, Math.min(lines.size(), i + LAST_LINES));
            }
        }
        return lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size());
    }

    /** What has been written since the file was so long. */
    String textFrom(long position) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer buffer = ByteBuffer.allocate(Math.toIntExact(channel.size() - position));
            while (buffer.hasRemaining() && channel.read(buffer, position + buffer.position()) >= 0) {
                continue;
            }
            return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
        }
    }
}
