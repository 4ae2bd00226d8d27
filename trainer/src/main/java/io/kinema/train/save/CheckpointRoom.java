package io.kinema.train.save;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.CheckpointPolicy;
import io.kinema.train.run.RunDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;

/** Has training wait until the disk has room for a checkpoint. Rank 0 looks; all ranks wait for its word. */
public final class CheckpointRoom {
    /** Of a checkpoint's files beside the tensors: headers, state and manifest. */
    private static final long SMALL_FILES_BYTES = 1 << 20;

    private static final long MOST_PAUSE_MS = 1000;
    private static final int LOOKS_A_LIMIT = 4;
    private static final Duration SAY_EVERY = Duration.ofMinutes(1);
    private static final double MEGABYTE = 1e6;

    private static final String GIVEN_UP = "given up: ";

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

    /**
     * Refuses a run whose first checkpoint has no room, and warns where there is none for all that will be kept.
     *
     * @param run that is to start
     * @param warning takes a line
     * @throws ConfigException when one checkpoint has no room
     * @throws IOException when nobody can tell
     */
    public static void requireAtStart(RunDescription run, Consumer<String> warning) throws IOException {
        CheckpointPolicy policy = run.settings().checkpoints();
        requireAtStart(
                new CheckpointFolder(run.folder().checkpoints()),
                bytes(new SpacetimeDit(run.settings().recipe().model()).layout().numElements()),
                new Plan(
                        policy.retention().keepLast(),
                        policy.every() == 0 ? 1 : run.settings().recipe().steps() / policy.every() + 1),
                warning);
    }

    /**
     * How many checkpoints there will be.
     *
     * @param keepLast how many are kept; 0 for all
     * @param count how many are written
     */
    record Plan(int keepLast, long count) {}

    static void requireAtStart(CheckpointFolder folder, long bytes, Plan plan, Consumer<String> warning)
            throws IOException {
        long usable = folder.disk().usableBytes(folder.path());
        if (usable < bytes) {
            throw new ConfigException(inWords(folder, bytes, usable) + "; free space there, or choose another --run");
        }
        // One more than are kept, as the oldest is deleted when the newest is whole.
        long kept = plan.keepLast == 0 ? plan.count : Math.min(plan.keepLast + 1L, plan.count);
        long toCome = kept - folder.list().size();
        if (usable < toCome * bytes) {
            warning.accept(inWords(folder, bytes, usable) + ", not enough for " + toCome + " more (--keep-last "
                    + plan.keepLast + "): training may have to wait for room");
        }
    }

    private static String inWords(CheckpointFolder folder, long bytes, long usable) {
        return String.format(
                Locale.ROOT,
                "a checkpoint takes %.1f MB, %s has %.1f MB free",
                bytes / MEGABYTE,
                folder.path(),
                usable / MEGABYTE);
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
        storage.begin("", 0);
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
        String words = inWords(folder, setup.neededBytes, usable);
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

    private void pause() throws IOException {
        try {
            Thread.sleep(Math.min(MOST_PAUSE_MS, setup.limit.toMillis() / LOOKS_A_LIMIT));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for room", e);
        }
    }
}
