package io.kinema.train.checkpoint;

import io.kinema.data.command.ConfigException;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Weights to sample from: of a checkpoint folder, or of a file that {@code launch/checkpoint.sh export} wrote.
 *
 * @param config of the model and its forward process
 * @param dataSha256 digest of the data set that they were trained on
 * @param file that holds them
 */
public record TrainedWeights(CheckpointState.Config config, String dataSha256, Path file) {

    /**
     * Opens weights and reads all of them against their digest.
     *
     * @param path a checkpoint folder, a run's, whose newest checkpoint is taken, or an exported file
     * @param weights {@code ema} or {@code model}; if empty, the average of a checkpoint, and of a file what it holds
     * @return the weights
     * @throws ConfigException when the path is neither, or does not hold these weights
     * @throws IOException when they are damaged
     */
    public static TrainedWeights open(Path path, String weights) throws IOException {
        if (Files.isRegularFile(path)) {
            ModelFile model = ModelFile.open(path);
            if (!weights.isEmpty() && WeightsKind.parse(weights) != model.kind()) {
                throw new ConfigException("--weights " + weights + ": " + path + " holds "
                        + model.kind().flag() + "; leave --weights out, or name the checkpoint");
            }
            return new TrainedWeights(model.config(), model.dataSha256(), path);
        }
        Checkpoint checkpoint = Checkpoint.open(CheckpointFolder.newestAt(path));
        WeightsKind kind = weights.isEmpty() ? WeightsKind.EMA : WeightsKind.parse(weights);
        return new TrainedWeights(
                checkpoint.state().config(), checkpoint.state().dataSha256(), checkpoint.verified(kind.file()));
    }

    /**
     * Reads the weights.
     *
     * @param layout of the model
     * @param device where to
     * @return the weights, of the device's working type
     * @throws IOException when the file does not hold just these parameters
     */
    public ParameterSet load(ParameterLayout layout, Device device) throws IOException {
        ParameterSet weights = ParameterSet.weights(device, layout);
        for (Group group : layout.groups()) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = arena.allocate(group.size() * Float.BYTES, Long.BYTES);
                Checkpoint.readWeights(file, layout, group.offset(), values);
                weights.write(device, group, values);
            }
        }
        return weights;
    }
}
