package io.kinema.train.save;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.dist.StorageTimeoutException;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.StepLabel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Does on all ranks what may take long, as it writes or reads storage, and has the ranks tell each other every second
 * that they still live. So storage may be slower than the deadline of a collective; a rank that hangs is found by that
 * deadline all the same, as it tells nothing.
 */
final class StorageWait implements AutoCloseable {
    private static final Duration LONGEST_BEAT = Duration.ofSeconds(1);
    private static final int BEATS_A_DEADLINE = 4;
    /** A disk with less than this is full. */
    private static final long FULL_BYTES = 64 << 10;

    private final Collectives collectives;
    private final CheckpointFolder folder;
    private final Duration limit;
    private final Duration beat;
    private final Consumer<String> screen;
    private final ExecutorService thread;
    private StorageProgress progress;
    private long firstBytes;

    /** What a rank does, and what the others hear of it. */
    interface Task {
        byte[] run() throws IOException;
    }

    /** What a rank does that the others need hear nothing of. */
    interface Action {
        void run() throws IOException;
    }

    /** How far a rank is. */
    private enum Stage {
        WORKING,
        DONE,
        FAILED,
        FULL,
        EXPIRED
    }

    /**
     * How far a rank is, as it tells the others.
     *
     * @param stage of its work
     * @param bytes that it wrote and read since {@link #begin}
     * @param text what it gives, or why it failed
     */
    private record Status(Stage stage, long bytes, byte[] text) {
        byte[] pack() {
            return ByteBuffer.allocate(1 + Long.BYTES + text.length)
                    .put((byte) stage.ordinal())
                    .putLong(bytes)
                    .put(text)
                    .array();
        }

        static Status unpack(byte[] message) {
            ByteBuffer buffer = ByteBuffer.wrap(message);
            Stage stage = Stage.values()[buffer.get()];
            long bytes = buffer.getLong();
            byte[] text = new byte[buffer.remaining()];
            buffer.get(text);
            return new Status(stage, bytes, text);
        }

        String words() {
            return new String(text, StandardCharsets.UTF_8);
        }
    }

    /**
     * Begins nothing yet.
     *
     * @param folder whose disk is waited for
     * @param limit how long for one thing
     * @param screen takes lines about what takes long
     */
    StorageWait(Collectives collectives, CheckpointFolder folder, Duration limit, Consumer<String> screen) {
        this.collectives = collectives;
        this.folder = folder;
        this.limit = limit;
        this.screen = screen;
        Duration ofDeadline = collectives.deadline().dividedBy(BEATS_A_DEADLINE);
        beat = ofDeadline.compareTo(LONGEST_BEAT) < 0 ? ofDeadline : LONGEST_BEAT;
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform()
                .daemon()
                .name("train-r" + collectives.world().rank() + "-storage")
                .factory());
        begin("", 0);
    }

    /** Begins to count what is written and read for one purpose, which lines name. */
    void begin(String what, long totalBytes) {
        firstBytes = folder.disk().movedBytes();
        progress = new StorageProgress(what, totalBytes, screen, System.nanoTime());
    }

    /** As {@link #gather}, where no rank has anything to say. */
    void run(StepLabel label, Action action) throws IOException {
        gather(label, () -> {
            action.run();
            return new byte[0];
        });
    }

    /**
     * Does something on all ranks, and fails on all when it failed on any.
     *
     * @param label what it is
     * @param task of this rank
     * @return what each rank says, in rank order
     * @throws FullDiskException when the only reason is a full disk
     * @throws IOException when it failed on any rank
     * @throws StorageTimeoutException when a rank has not done it within the limit
     */
    byte[][] gather(StepLabel label, Task task) throws IOException {
        Future<byte[]> mine = thread.submit(task::run);
        long beginNanos = System.nanoTime();
        while (true) {
            byte[][] messages =
                    collectives.allGather(label, status(mine, label, beginNanos).pack());
            byte[][] texts = new byte[messages.length][];
            boolean isDone = true;
            long bytes = 0;
            for (int rank = 0; rank < messages.length; rank++) {
                Status status = Status.unpack(messages[rank]);
                texts[rank] = status.text;
                bytes += status.bytes;
                isDone &= status.stage != Stage.WORKING;
            }
            progress.at(bytes, System.nanoTime());
            if (isDone) {
                requireSuccess(messages);
                return texts;
            }
        }
    }

    /** Nobody works any more; the first rank that failed is the one to tell of, one with another reason before all. */
    private static void requireSuccess(byte[][] messages) throws IOException {
        IOException full = null;
        for (int rank = 0; rank < messages.length; rank++) {
            Status status = Status.unpack(messages[rank]);
            String words = "rank " + rank + ": " + status.words();
            switch (status.stage) {
                case FAILED -> throw new IOException(words);
                case EXPIRED -> throw new StorageTimeoutException(words);
                case FULL -> full = full == null ? new FullDiskException(words) : full;
                case DONE, WORKING -> {
                    continue;
                }
            }
        }
        if (full != null) {
            throw full;
        }
    }

    private Status status(Future<byte[]> mine, StepLabel label, long beginNanos) throws IOException {
        try {
            byte[] text = mine.get(beat.toNanos(), TimeUnit.NANOSECONDS);
            return new Status(Stage.DONE, bytes(), text);
        } catch (TimeoutException _) {
            if (System.nanoTime() - beginNanos < limit.toNanos()) {
                return new Status(Stage.WORKING, bytes(), new byte[0]);
            }
            String words = "storage took longer than --storage-timeout-seconds " + limit.toSeconds() + " in " + label
                    + ", below " + folder.path() + "; look at that disk, or raise the limit";
            return new Status(Stage.EXPIRED, bytes(), words.getBytes(StandardCharsets.UTF_8));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted in " + label, e);
        } catch (ExecutionException e) {
            return failed(e.getCause());
        }
    }

    private Status failed(Throwable cause) {
        if (cause instanceof IOException || cause instanceof ConfigException) {
            String words = cause.getMessage() == null ? cause.toString() : cause.getMessage();
            Stage stage = isFull(words) ? Stage.FULL : Stage.FAILED;
            return new Status(stage, bytes(), words.getBytes(StandardCharsets.UTF_8));
        }
        if (cause instanceof RuntimeException fault) {
            throw fault;
        }
        throw new IllegalStateException(cause);
    }

    /** Quotas show in the message only; and a message may be in the words of another language. */
    private boolean isFull(String message) {
        try {
            return message.contains("No space left on device")
                    || message.contains("Disk quota exceeded")
                    || folder.disk().usableBytes(folder.path()) < FULL_BYTES;
        } catch (IOException nobodyCanTell) {
            return false;
        }
    }

    private long bytes() {
        return folder.disk().movedBytes() - firstBytes;
    }

    @Override
    public void close() {
        thread.close();
    }
}
