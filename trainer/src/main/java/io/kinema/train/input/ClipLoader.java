package io.kinema.train.input;

import io.kinema.data.clip.Patch;
import io.kinema.data.order.DataOrder;
import io.kinema.data.order.Philox;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Patches;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads microbatches ahead of training, in a thread of its own: decodes clips, cuts patches, draws noise and times.
 * What a microbatch holds follows from the seed, the step, its number, the sizes of all clips, {@code --tokens}, V and
 * the patch; never from the rank or the world size.
 */
public final class ClipLoader implements AutoCloseable {
    private static final int READ_AHEAD = 3;

    private final Dataset dataset;
    private final DataOrder order;
    private final Recipe config;
    private final Objective diffusion;
    private final Philox philox;
    private final List<Integer> microbatches;
    private final ExecutorService thread;
    private final ArrayDeque<Future<Microbatch>> ahead = new ArrayDeque<>();
    private final UploadRoom[] rooms = new UploadRoom[READ_AHEAD];
    /** Of one clip, used by the loader's thread. */
    private float[] values = {};

    private long submitted;

    /**
     * Begins to read.
     *
     * @param dataset where the clips are; read by this loader's thread only
     * @param config of the run
     * @param microbatches which of each step's are wanted, ascending
     * @param firstStep the first step that is wanted
     * @param rank for the thread's name
     * @param uploads gives the memory of microbatches: the device on which they are trained
     */
    public ClipLoader(
            Dataset dataset,
            Recipe config,
            List<Integer> microbatches,
            long firstStep,
            int rank,
            UploadMemory uploads) {
        this.dataset = dataset;
        this.order = order(dataset, config);
        this.config = config;
        this.diffusion = config.diffusion();
        this.philox = new Philox(config.seed());
        this.microbatches = List.copyOf(microbatches);
        this.submitted = firstStep * microbatches.size();
        Arrays.setAll(rooms, _ -> new UploadRoom(uploads));
        this.thread = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("train-r" + rank + "-loader").factory());
    }

    /**
     * The order in which a run uses a data set.
     *
     * @param dataset the clips
     * @param config of the run
     * @return a function of the seed, the sizes of the clips, `--tokens` and V
     */
    public static DataOrder order(Dataset dataset, Recipe config) {
        return new DataOrder(config.seed(), tokensOfClips(dataset, config), config.tokens(), config.microbatches());
    }

    /**
     * The least that {@code --tokens} can be.
     *
     * @param dataset the clips
     * @param config of the run
     * @return tokens
     */
    public static int largestClipTokens(Dataset dataset, Recipe config) {
        return Arrays.stream(tokensOfClips(dataset, config)).max().orElseThrow();
    }

    private static int[] tokensOfClips(Dataset dataset, Recipe config) {
        Patch patch = config.model().patch();
        return dataset.clips().stream()
                .mapToInt(clip -> grid(clip, patch).tokens())
                .toArray();
    }

    private static Grid grid(ClipEntry clip, Patch patch) {
        return Grid.of(patch, clip.numFrames(), clip.height(), clip.width());
    }

    /**
     * Returns the next microbatch of this rank: its microbatches of a step in turn, step after step. It is good until
     * the next call.
     *
     * @return the next microbatch
     * @throws IOException when a shard is damaged
     */
    public Microbatch next() throws IOException {
        long end = config.steps() * microbatches.size();
        while (ahead.size() < READ_AHEAD && submitted < end) {
            long step = submitted / microbatches.size();
            int microbatch = microbatches.get((int) (submitted % microbatches.size()));
            // Those that are ahead and the one that is returned have rooms of their own.
            UploadRoom room = rooms[(int) (submitted % READ_AHEAD)];
            submitted++;
            ahead.add(thread.submit(() -> load(step, microbatch, room)));
        }
        try {
            return ahead.remove().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for data", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private Microbatch load(long step, int microbatch, UploadRoom room) throws IOException {
        int[] indices = order.clips(step, microbatch);
        long number = step * config.microbatches() + microbatch;
        Patch patch = config.model().patch();
        List<String> ids = new ArrayList<>();
        List<Grid> grids = new ArrayList<>();
        List<int[]> captions = new ArrayList<>();
        List<Mixture> mixtures = new ArrayList<>();
        int valuesOfToken = Patches.values(patch);
        int rows = 0;
        for (int index : indices) {
            rows += grid(dataset.clips().get(index), patch).tokens();
        }
        room.reserve((long) rows * valuesOfToken);
        long offset = 0;
        for (int index : indices) {
            ClipEntry entry = dataset.clips().get(index);
            Clip clip = dataset.read(entry);
            Grid grid = grid(entry, patch);
            int count = grid.tokens() * valuesOfToken;
            float[] ofClip = ofClip(count);
            Patches.patchify(clip.framesTHWC(), clip.numFrames(), grid, patch, ofClip, 0);
            UploadRoom.put(ofClip, count, room.cleanLP(), offset);
            philox.normals(Philox.Purpose.NOISE, number, index, ofClip, 0, count);
            UploadRoom.put(ofClip, count, room.noiseLP(), offset);
            offset += count;
            ids.add(entry.id());
            grids.add(grid);
            captions.add(CaptionBytes.of(config.captions().draw(clip.captions(), philox, number, index)));
            mixtures.add(mixture(number, index));
        }
        return new Microbatch(ids, Packing.of(grids, captions), room.cleanLP(), room.noiseLP(), Mixtures.of(mixtures));
    }

    private float[] ofClip(int count) {
        if (values.length < count) {
            values = new float[count];
        }
        return values;
    }

    private Mixture mixture(long number, int index) {
        float[] normal = new float[1];
        philox.normals(Philox.Purpose.TIME, number, index, normal, 0, 1);
        return diffusion.draw(philox.uniform(Philox.Purpose.TIME, number, index, 1), normal[0]);
    }

    @Override
    public void close() {
        ahead.forEach(read -> read.cancel(false));
        thread.close();
        for (UploadRoom room : rooms) {
            room.close();
        }
    }
}
