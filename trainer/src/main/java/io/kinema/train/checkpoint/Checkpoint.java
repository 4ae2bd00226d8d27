package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.kinema.data.command.ConfigException;
import io.kinema.train.model.ParameterLayout;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A checkpoint folder, {@code step-00000100}, to read from:
 *
 * <ul>
 *   <li>{@code model.safetensors}, {@code ema.safetensors}: weights and their average, by name.
 *   <li>{@code optimizer-00000-of-00002.safetensors}, …: Adam's moments in pieces, {@code first_moment/NAME@OFFSET} and
 *       {@code second_moment/NAME@OFFSET}: elements OFFSET … of the flattened parameter NAME. Any number of ranks reads
 *       what any number wrote.
 *   <li>{@code state.json}: a {@link CheckpointState}.
 *   <li>{@code manifest.json}: bytes and SHA-256 of every other file. It is written last.
 * </ul>
 */
public final class Checkpoint {
    static final String STATE = "state.json";
    static final String MODEL = "model.safetensors";
    static final String EMA = "ema.safetensors";
    static final String OPTIMIZER = "optimizer-";
    static final String FIRST_MOMENT = "first_moment/";
    static final String SECOND_MOMENT = "second_moment/";
    static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private final Path folder;
    private final CheckpointManifest manifest;
    private final CheckpointState state;

    private Checkpoint(Path folder, CheckpointManifest manifest, CheckpointState state) {
        this.folder = folder;
        this.manifest = manifest;
        this.state = state;
    }

    /**
     * Opens a folder; {@link #verify()} then checks the large files.
     *
     * @param folder a checkpoint
     * @return its description, read and checked
     * @throws ConfigException when the folder is not a checkpoint, or one of another format version
     * @throws IOException when manifest or state are damaged
     */
    public static Checkpoint open(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new ConfigException(folder + (Files.exists(folder) ? " is not a folder" : " does not exist")
                    + "; name a checkpoint such as RUN/checkpoints/step-00000100");
        }
        Optional<String> lacking = lacking(folder);
        if (lacking.isPresent()) {
            throw new ConfigException(folder + " is not a checkpoint: it has no " + lacking.get()
                    + "; name a folder such as RUN/checkpoints/step-00000100");
        }
        CheckpointManifest manifest = CheckpointManifest.read(folder);
        manifest.requireVersion(folder);
        require(folder, manifest, STATE, CheckpointManifest.UNWATCHED);
        CheckpointState state = CheckpointManifest.readJson(folder.resolve(STATE), CheckpointState.class);
        return new Checkpoint(folder, manifest, state);
    }

    /**
     * Opens a folder by what another process has read there, manifest and state, without looking at either.
     *
     * @param folder a checkpoint
     * @param described by {@link #describe()}
     * @return its description
     */
    public static Checkpoint described(Path folder, byte[] described) {
        try {
            Description description = JSON.readValue(described, Description.class);
            return new Checkpoint(folder, description.manifest, description.state);
        } catch (IOException e) {
            throw new IllegalStateException("no description of a checkpoint: " + e.getMessage(), e);
        }
    }

    /**
     * Returns manifest and state for other processes.
     *
     * @return JSON
     */
    public byte[] describe() {
        try {
            return JSON.writeValueAsBytes(new Description(manifest, state));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a checkpoint that was read cannot be written: " + e.getMessage(), e);
        }
    }

    /** What is read of a checkpoint before its tensors. */
    private record Description(CheckpointManifest manifest, CheckpointState state) {}

    /** The first of the files that every checkpoint has which a folder has not. */
    static Optional<String> lacking(Path folder) {
        return Stream.of(CheckpointManifest.FILE, STATE)
                .filter(name -> !Files.isRegularFile(folder.resolve(name)))
                .findFirst();
    }

    /**
     * Returns the folder.
     *
     * @return as opened
     */
    public Path folder() {
        return folder;
    }

    /**
     * Returns what the checkpoint says of itself.
     *
     * @return the contents of {@code state.json}
     */
    public CheckpointState state() {
        return state;
    }

    /**
     * Returns the size.
     *
     * @return bytes of all files but the manifest
     */
    public long totalBytes() {
        return manifest.totalBytes();
    }

    /**
     * Reads every file against its SHA-256.
     *
     * @throws IOException when one is missing, of another size, or of other contents; the message names it
     */
    public void verify() throws IOException {
        verify(CheckpointManifest.UNWATCHED);
    }

    /**
     * As {@link #verify()}.
     *
     * @param bytesRead told the number of bytes of each read
     * @throws IOException when one is missing, of another size, or of other contents; the message names it
     */
    public void verify(LongConsumer bytesRead) throws IOException {
        for (String name : manifest.expectedFiles()) {
            require(folder, manifest, name, bytesRead);
        }
    }

    /** Looks for every file, without reading them. */
    void requireSizes() throws IOException {
        for (String name : manifest.expectedFiles()) {
            Optional<String> problem = manifest.sizeProblem(folder, name);
            if (problem.isPresent()) {
                throw new IOException(folder.resolve(name) + " " + problem.get());
            }
        }
    }

    /** Returns one file, read against its SHA-256. */
    Path verified(String name) throws IOException {
        require(folder, manifest, name, CheckpointManifest.UNWATCHED);
        return folder.resolve(name);
    }

    private static void require(Path folder, CheckpointManifest manifest, String name, LongConsumer bytesRead)
            throws IOException {
        Optional<String> problem = manifest.problem(folder, name, bytesRead);
        if (problem.isPresent()) {
            throw new IOException(folder.resolve(name) + " " + problem.get());
        }
    }

    /** The files of the optimizer's state, one for each rank that wrote. */
    List<Path> optimizerFiles() {
        return manifest.files().keySet().stream()
                .filter(name -> name.startsWith(OPTIMIZER))
                .map(folder::resolve)
                .toList();
    }

    /**
     * Reads a range of the weights, or of their average.
     *
     * @param kind which
     * @param layout of the model
     * @param from first element of the range in the flat vector
     * @param values fp32; overwritten
     * @throws IOException when the file does not hold just the model's parameters
     */
    public void readWeights(WeightsKind kind, ParameterLayout layout, long from, MemorySegment values)
            throws IOException {
        readWeights(folder.resolve(kind.file()), layout, from, values);
    }

    static void readWeights(Path file, ParameterLayout layout, long from, MemorySegment values) throws IOException {
        values.fill((byte) 0);
        long to = from + values.byteSize() / Float.BYTES;
        try (Arena arena = Arena.ofConfined()) {
            Map<String, ParameterLayout.Entry> byName = byName(layout);
            for (Safetensors.Entry entry : Safetensors.read(file, arena).entries()) {
                ParameterLayout.Entry parameter = byName.remove(entry.name());
                if (parameter == null) {
                    // Whoever saved the file put something of their own beside the weights.
                    continue;
                }
                if (!Arrays.equals(parameter.shape(), entry.shape())) {
                    throw new IOException(file + " holds " + entry.name() + Arrays.toString(entry.shape())
                            + ", the model has " + Arrays.toString(parameter.shape()));
                }
                long begin = Math.max(from, parameter.offset());
                long end = Math.min(to, parameter.offset() + parameter.size());
                if (begin < end) {
                    entry.copy(begin - parameter.offset(), end - begin, values, begin - from);
                }
            }
            if (!byName.isEmpty()) {
                throw new IOException(file + " lacks "
                        + byName.keySet().iterator().next() + ", or does not have it as F32, BF16 or F16");
            }
        }
    }

    /**
     * Reads Adam's moments of a range of the flat vector, whatever ranges they were written in.
     *
     * @param layout of the model
     * @param from first element of the range
     * @param first the first moments, fp32; overwritten
     * @param second the second moments, as long as the first; overwritten
     * @throws IOException when an element of the range is missing or there twice
     */
    public void readOptimizer(ParameterLayout layout, long from, MemorySegment first, MemorySegment second)
            throws IOException {
        long to = from + first.byteSize() / Float.BYTES;
        first.fill((byte) 0);
        second.fill((byte) 0);
        Map<String, ParameterLayout.Entry> byName = byName(layout);
        long found = 0;
        for (Path file : optimizerFiles()) {
            try (Arena arena = Arena.ofConfined()) {
                for (Safetensors.Entry piece : Safetensors.read(file, arena).entries()) {
                    MemorySegment target = piece.name().startsWith(FIRST_MOMENT) ? first : second;
                    found += copyPiece(file, piece, byName, from, target);
                }
            }
        }
        long expected = 2
                * layout.entries().stream()
                        .mapToLong(
                                entry -> Math.min(to, entry.offset() + entry.size()) - Math.max(from, entry.offset()))
                        .filter(overlap -> overlap > 0)
                        .sum();
        if (found != expected) {
            throw new IOException(folder + " holds " + found + " optimizer values of elements " + from + " to " + to
                    + ", " + expected + " are needed");
        }
    }

    /** Copies what of a piece lies in the range that the target stands for; returns how many elements that is. */
    private static long copyPiece(
            Path file,
            Safetensors.Entry piece,
            Map<String, ParameterLayout.Entry> byName,
            long from,
            MemorySegment target)
            throws IOException {
        int slash = piece.name().indexOf('/');
        int at = piece.name().lastIndexOf('@');
        ParameterLayout.Entry parameter =
                slash < 0 || at < slash ? null : byName.get(piece.name().substring(slash + 1, at));
        if (parameter == null) {
            throw new IOException(file + " holds " + piece.name() + ", which the model does not have");
        }
        long pieceFrom = parameter.offset() + Long.parseLong(piece.name().substring(at + 1));
        long pieceTo = pieceFrom + piece.numElements();
        long begin = Math.max(from, pieceFrom);
        long end = Math.min(from + target.byteSize() / Float.BYTES, pieceTo);
        if (begin >= end) {
            return 0;
        }
        piece.copy(begin - pieceFrom, end - begin, target, begin - from);
        return end - begin;
    }

    /**
     * Checks by the headers of its files that a model can be restored from it: that every parameter is there, and of
     * its moments every element just once.
     *
     * @param layout of the model
     * @throws IOException when it cannot; the message says what is missing
     */
    public void requireFits(ParameterLayout layout) throws IOException {
        for (WeightsKind kind : WeightsKind.values()) {
            readWeights(kind, layout, 0, MemorySegment.NULL);
        }
        Map<String, ParameterLayout.Entry> byName = byName(layout);
        long found = 0;
        for (Path file : optimizerFiles()) {
            try (Arena arena = Arena.ofConfined()) {
                for (Safetensors.Entry piece : Safetensors.read(file, arena).entries()) {
                    copyPiece(file, piece, byName, 0, MemorySegment.NULL);
                    found += piece.numElements();
                }
            }
        }
        if (found != 2 * layout.numElements()) {
            throw new IOException(
                    folder + " holds " + found + " optimizer values, " + 2 * layout.numElements() + " are needed");
        }
    }

    private static Map<String, ParameterLayout.Entry> byName(ParameterLayout layout) {
        return new ArrayList<>(layout.entries())
                .stream().collect(Collectors.toMap(ParameterLayout.Entry::name, Function.identity()));
    }
}
