package io.kinema.train.dist;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * The file that one rank's output is appended to by the operating system, read from where this start of the rank
 * began.
 */
final class RankLog {
    private static final int LAST_LINES = 12;
    private static final int LAST_BYTES = 8 * 1024;
    private static final int COPY_BYTES = 64 * 1024;

    private final Path path;
    private final long startBytes;
    private long shownBytes;

    RankLog(Path directory, int rank) throws IOException {
        path = directory.resolve("rank-%05d.log".formatted(rank));
        startBytes = Files.exists(path) ? Files.size(path) : 0;
        shownBytes = startBytes;
    }

    Path path() {
        return path;
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

    /** The last lines of this start's output. */
    List<String> lastLines() throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long from = Math.max(startBytes, channel.size() - LAST_BYTES);
            ByteBuffer buffer = ByteBuffer.allocate((int) (channel.size() - from));
            while (buffer.hasRemaining() && channel.read(buffer, from + buffer.position()) >= 0) {
                continue;
            }
            String text = new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
            List<String> lines = text.lines().toList();
            return lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size());
        }
    }
}
