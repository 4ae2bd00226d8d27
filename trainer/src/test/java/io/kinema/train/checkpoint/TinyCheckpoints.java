package io.kinema.train.checkpoint;

import io.kinema.data.clip.Patch;
import io.kinema.train.checkpoint.CheckpointState.Config;
import io.kinema.train.checkpoint.CheckpointState.Cursor;
import io.kinema.train.checkpoint.CheckpointState.Model;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.Spikes;
import io.kinema.train.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Checkpoints of a tiny model, in which every element tells its place. */
public final class TinyCheckpoints {
    static final DitConfig MODEL = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(1, 2, 2));
    static final ParameterLayout LAYOUT = new SpacetimeDit(MODEL).layout();
    static final double WEIGHTS = 0.5;
    static final double AVERAGE = 0.25;
    static final double FIRST_MOMENT = 2;
    static final double SECOND_MOMENT = 3;

    private TinyCheckpoints() {}

    /** A flat vector; what fills its groups up stays zero. */
    static MemorySegment vector(Arena arena, double factor) {
        MemorySegment flat = arena.allocate(LAYOUT.flatSize() * Float.BYTES, 8);
        for (ParameterLayout.Entry entry : LAYOUT.entries()) {
            for (long i = entry.offset(); i < entry.offset() + entry.size(); i++) {
                flat.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (factor * (i + 1)));
            }
        }
        return flat;
    }

    static CheckpointState state(long step) {
        return state(step, List.of("--steps 10"));
    }

    private static CheckpointState state(long step, List<String> flags) {
        return new CheckpointState(
                CheckpointState.FORMAT_VERSION,
                step,
                7,
                new Cursor(1, 4 * step, 4, 512),
                new Config(Model.of(MODEL), "flow", 3, "fp32"),
                "abc",
                flags,
                0,
                0,
                0,
                Spikes.NONE);
    }

    public static Path write(CheckpointFolder folder, long step, int worldSize) throws IOException {
        return write(folder, step, worldSize, _ -> {});
    }

    /** Of a run with flags. */
    public static Path write(CheckpointFolder folder, long step, int worldSize, List<String> flags) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            return whole(arena).write(folder, state(step, flags), worldSize);
        }
    }

    /** With every file and digest, but the moments of the first of two ranks only. */
    public static Path writeHalf(CheckpointFolder folder, long step) throws IOException {
        Path checkpoint = write(folder, step, 1);
        try (Arena arena = Arena.ofConfined()) {
            CheckpointWriter writer = folder.writer(step);
            writer.begin();
            Path half = folder.temporary(step);
            Path first = checkpoint.resolve(CheckpointWriter.optimizerFile(0, 1));
            List<WrittenFile> files = new ArrayList<>();
            for (WeightsKind kind : WeightsKind.values()) {
                Files.copy(checkpoint.resolve(kind.file()), half.resolve(kind.file()));
                files.add(written(half.resolve(kind.file())));
            }
            List<Safetensors.Entry> entries = Safetensors.read(first, arena).entries();
            Path moments = half.resolve(first.getFileName());
            Safetensors.write(moments, entries.subList(0, entries.size() / 2), DType.FP32, Map.of());
            files.add(written(moments));
            return writer.commit(state(step), files);
        }
    }

    private static WrittenFile written(Path file) throws IOException {
        CheckpointManifest.Digest digest = CheckpointManifest.Digest.of(file, CheckpointManifest.UNWATCHED);
        return new WrittenFile(file.getFileName().toString(), digest.bytes(), digest.sha256());
    }

    private static WholeCheckpoint whole(Arena arena) {
        return new WholeCheckpoint(
                LAYOUT,
                vector(arena, WEIGHTS),
                vector(arena, AVERAGE),
                vector(arena, FIRST_MOMENT),
                vector(arena, SECOND_MOMENT));
    }

    /** With weights that somebody changes before they are written. */
    static Path write(CheckpointFolder folder, long step, int worldSize, Consumer<MemorySegment> change)
            throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment weights = vector(arena, WEIGHTS);
            change.accept(weights);
            return new WholeCheckpoint(
                            LAYOUT,
                            weights,
                            vector(arena, AVERAGE),
                            vector(arena, FIRST_MOMENT),
                            vector(arena, SECOND_MOMENT))
                    .write(folder, state(step), worldSize);
        }
    }
}
