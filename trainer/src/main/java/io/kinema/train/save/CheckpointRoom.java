package io.kinema.train.save;

import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.dist.collective.StepLabel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;

/** Has training wait until the disk has room for a checkpoint. Rank 0 looks; all ranks wait for its word. */
final class CheckpointRoom {
    /** Of a checkpoint's files beside the tensors: headers, state and manifest. */
    private static final long SMALL_FILES_BYTES = 1 << 20;

    private static final Duration LOOK_EVERY = Duration.ofSeconds(1);
    private static final Duration SAY_EVERY = Duration.ofMinutes(1);
    private static final double MEGABYTE = 1e6;

    private final StorageWait storage;
    private final CheckpointFolder folder;
    private final Setup setup;
    private long beginNanos;
    private long saidNanos;

    /**
     * What is waited for.
     *
     * @param isFirst whether this is rank 0
     * @param neededBytes of a checkpoint
     * @param limit how long to wait
     * @param screen takes lines
     */
    record Setup(boolean isFirst, long neededBytes, Duration limit, Consumer<String> screen) {}

    CheckpointRoom(StorageWait storage, CheckpointFolder folder, Setup setup) {
        this.storage = storage;
        this.folder = folder;
        this.setup = setup;
    }

    /** What a checkpoint of so many parameters takes: weights, average and two moments in fp32. */
    static long bytes(long numParameters) {
        return 4L * Float.BYTES * numParameters + SMALL_FILES_BYTES;
    }

    /** Begins to wait, with all the limit before it. */
    void begin() {
        beginNanos = System.nanoTime();
        saidNanos = beginNanos - SAY_EVERY.toNanos();
    }

    /**
     * Removes what is left of other checkpoints, and waits.
     *
     * @param wasFull whether the disk was full although there seemed to be room
     * @throws NoRoomException when there is none within the limit
     */
    void await(StepLabel label, CheckpointWriter writer, boolean wasFull) throws IOException {
        boolean isRetry = wasFull;
        boolean hasWaited = false;
        while (true) {
            boolean pauses = isRetry;
            byte[] answer = storage.gather(label, () -> setup.isFirst ? look(writer, pauses) : new byte[0])[0];
            if (answer.length == 0) {
                if (hasWaited && setup.isFirst) {
                    setup.screen.accept("there is room again below " + folder.path() + ": training goes on");
                }
                return;
            }
            String words = new String(answer, StandardCharsets.UTF_8);
            if (words.startsWith(GIVEN_UP)) {
                throw new NoRoomException(words.substring(GIVEN_UP.length()));
            }
            hasWaited = true;
            isRetry = false;
        }
    }

    private static final String GIVEN_UP = "given up: ";

    /** Empty where there is room; or what there is instead. */
    private byte[] look(CheckpointWriter writer, boolean pauses) throws IOException {
        if (pauses) {
            pause();
        }
        writer.clear();
        long usable = folder.disk().usableBytes(folder.path());
        if (usable >= setup.neededBytes) {
            return new byte[0];
        }
        String words = String.format(
                Locale.ROOT,
                "a checkpoint takes %.1f MB, %s has %.1f MB free",
                setup.neededBytes / MEGABYTE,
                folder.path(),
                usable / MEGABYTE);
        long nowNanos = System.nanoTime();
        if (nowNanos - beginNanos >= setup.limit.toNanos()) {
            words = GIVEN_UP + "no room within " + setup.limit.toSeconds() + " s: " + words
                    + "; free space there, then start again with --resume auto, or raise --storage-timeout-seconds";
        } else {
            if (nowNanos - saidNanos >= SAY_EVERY.toNanos()) {
                saidNanos = nowNanos;
                setup.screen.accept("warning: waiting for room: " + words + "; free space there, and training goes on");
            }
            pause();
        }
        return words.getBytes(StandardCharsets.UTF_8);
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(LOOK_EVERY);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for room", e);
        }
    }
}
