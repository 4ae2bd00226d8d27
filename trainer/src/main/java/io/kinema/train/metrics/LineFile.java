package io.kinema.train.metrics;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.function.Consumer;

/**
 * A file of lines that a full disk does not stop: lines that cannot be written wait in memory for the next one, and
 * half a line never stays.
 */
final class LineFile implements Closeable {
    private final Path path;
    private final FileChannel channel;
    private final Consumer<String> screen;
    private final ByteArrayOutputStream waiting = new ByteArrayOutputStream();
    private long wholeBytes;
    private boolean isFull;

    private LineFile(Path path, FileChannel channel, Consumer<String> screen) throws IOException {
        this.path = path;
        this.channel = channel;
        this.screen = screen;
        wholeBytes = channel.size();
    }

    /**
     * Opens a file to append to; it is made where there is none.
     *
     * @param screen takes a line when the disk is full, and one when lines are lost
     */
    static LineFile append(Path path, Consumer<String> screen) throws IOException {
        return new LineFile(path, FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE), screen);
    }

    /** Leaves only some of a file's lines in it; on a full disk in place, which takes no room. */
    static void rewrite(Path path, List<String> kept) throws IOException {
        StringBuilder text = new StringBuilder();
        kept.forEach(line -> text.append(line).append('\n'));
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length == Files.size(path)) {
            return;
        }
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        try {
            Files.write(temporary, bytes);
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException full) {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                write(channel, bytes);
                channel.truncate(bytes.length);
            }
            Files.deleteIfExists(temporary);
        }
    }

    private static void write(FileChannel channel, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /** Appends a line, and those that have waited before it. */
    void append(String line) {
        waiting.writeBytes((line + "\n").getBytes(StandardCharsets.UTF_8));
        try {
            writeWaiting();
            isFull = false;
        } catch (IOException e) {
            if (!isFull) {
                screen.accept("warning: " + path + " cannot be written (" + e.getMessage()
                        + "): its lines wait in memory; free space there");
            }
            isFull = true;
        }
    }

    private void writeWaiting() throws IOException {
        try {
            channel.position(wholeBytes);
            write(channel, waiting.toByteArray());
        } catch (IOException e) {
            channel.truncate(wholeBytes);
            throw e;
        }
        wholeBytes += waiting.size();
        waiting.reset();
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            if (waiting.size() > 0) {
                writeWaiting();
            }
        } catch (IOException e) {
            screen.accept("warning: " + waiting.size() + " bytes of " + path + " are lost (" + e.getMessage() + ")");
        }
    }
}
