package io.kinema.train.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The flat vectors of a checkpoint, fp32, written as ranks write them together.
 *
 * @param layout of the model
 * @param weights all of them
 * @param average of the weights
 * @param first moments
 * @param second moments
 */
public record WholeCheckpoint(
        ParameterLayout layout,
        MemorySegment weights,
        MemorySegment average,
        MemorySegment first,
        MemorySegment second) {
    /**
     * Writes the checkpoint.
     *
     * @param folder where
     * @param state what it says of itself
     * @param worldSize how many files the optimizer's state is in
     * @return the finished folder
     * @throws IOException when it cannot be written
     */
    public Path write(CheckpointFolder folder, CheckpointState state, int worldSize) throws IOException {
        CheckpointWriter writer = folder.writer(state.step());
        writer.begin();
        List<WrittenFile> files = new ArrayList<>();
        ShardLayout shards = new ShardLayout(layout.flatSize(), Device.SHARD_ALIGNMENT, worldSize);
        for (int rank = 0; rank < worldSize; rank++) {
            long from = shards.offset(rank);
            long bytes = shards.length(rank) * Float.BYTES;
            files.add(writer.writeOptimizer(
                    rank,
                    worldSize,
                    layout,
                    List.of(new CheckpointWriter.Moments(
                            from,
                            first.asSlice(from * Float.BYTES, bytes),
                            second.asSlice(from * Float.BYTES, bytes)))));
        }
        for (WeightsKind kind : WeightsKind.values()) {
            MemorySegment values = kind == WeightsKind.MODEL ? weights : average;
            try (CheckpointWriter.WeightsFile file = writer.weights(kind, layout)) {
                for (Group group : layout.groups()) {
                    file.append(group, values.asSlice(group.offset() * Float.BYTES, group.size() * Float.BYTES));
                }
                files.add(file.finish());
            }
        }
        return writer.commit(state, files);
    }

    /**
     * Takes a file away, and its line in the manifest.
     *
     * @param checkpoint a finished folder
     * @param name of the file
     * @throws IOException when it cannot be done
     */
    public static void removeWithItsDigest(Path checkpoint, String name) throws IOException {
        Files.delete(checkpoint.resolve(name));
        Path manifest = checkpoint.resolve(CheckpointManifest.FILE);
        ObjectNode node = (ObjectNode) Checkpoint.JSON.readTree(manifest.toFile());
        ((ObjectNode) node.get("files")).remove(name);
        Checkpoint.JSON.writeValue(manifest.toFile(), node);
    }
}
