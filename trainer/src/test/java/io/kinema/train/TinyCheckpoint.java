package io.kinema.train;

import io.kinema.data.clip.Patch;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.WholeCheckpoint;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.Spikes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * A checkpoint of a tiny flow model for patches of 2x4x4: its weights are all zero, the average of its weights is
 * random.
 */
final class TinyCheckpoint {
    static final double TIME_SHIFT = 3;

    private static final DitConfig TINY = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(2, 4, 4));

    private TinyCheckpoint() {}

    static Path write(Path checkpoints) throws IOException {
        return write(checkpoints, "");
    }

    static Path write(Path checkpoints, String dataSha256) throws IOException {
        ParameterLayout layout = new SpacetimeDit(TINY).layout();
        CheckpointFolder folder = new CheckpointFolder(checkpoints);
        CheckpointState state = new CheckpointState(
                CheckpointState.FORMAT_VERSION,
                1,
                1,
                new CheckpointState.Cursor(0, 1, 1, 64),
                new CheckpointState.Config(CheckpointState.Model.of(TINY), "flow", TIME_SHIFT, "fp32"),
                dataSha256,
                List.of(),
                0,
                0,
                0,
                Spikes.NONE);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(layout.flatSize() * Float.BYTES, 8);
            MemorySegment average = arena.allocate(layout.flatSize() * Float.BYTES, 8);
            Random random = new Random(1);
            for (long i = 0; i < layout.flatSize(); i++) {
                average.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.1 * random.nextGaussian()));
            }
            return new WholeCheckpoint(layout, zeros, average, zeros, zeros).write(folder, state, 1);
        }
    }
}
