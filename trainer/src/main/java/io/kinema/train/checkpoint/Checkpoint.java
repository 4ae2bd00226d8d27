package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.kinema.data.ConfigException;
import io.kinema.train.model.ParameterLayout;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A checkpoint folder, {@code step-00000100}, to read from:
 *
 * <ul>
 *   <li>{@code model.safetensors}, {@code ema.safetensors}: weights and their average, by name.
 *   <li>{@code optimizer-00000-of-00002.safetensors}, …: Adam's moments in pieces, {@code first_moment/NAME@OFFSET} and
 *       {@code second_moment/NAME@OFFSET}: elements OFFSET … of the flattened parameter NAME. Any number of ranks reads what any
 *       number wrote.
 *   <li>{@code state.json}: a {@link CheckpointState}.
 *   <li>{@code manifest.json}: bytes and SHA-256 of every other file. It is written last.
 * </ul>
 */
public final class Checkpoint {
    static final String MANIFEST = "manifest.json";
    static final String STATE = "state.json";
    static final String MODEL = "model.safetensors";
    static final String EMA = "ema.safetensors";
    static final String FIRST_MOMENT = "first_moment/";
    static final String SECOND_MOMENT = "second_moment/";
    static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private static final int COPY_BYTES = 1 << 16;

    private final Path folder;
    private final Manifest manifest;
    private final CheckpointState state;

    /**
     * What vouches for the other files.
     *
     * @param formatVersion {@link CheckpointState#FORMAT_VERSION}
     * @param files by name
     */
    record Manifest(int formatVersion, SequencedMap<String, Digest> files) {}

    /**
     * The contents of a file.
     *
     * @param bytes its size
     * @param sha256 hexadecimal
     */
    record Digest(long bytes, String sha256) {
        static Digest of(Path file) throws IOException {
            MessageDigest sha256 = newSha256();
            try (InputStream in = new DigestInputStream(Files.newInputStream(file), sha256)) {
                byte[] buffer = new byte[COPY_BYTES];
                long bytes = 0;
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    bytes += n;
                }
                return new Digest(bytes, HexFormat.of().formatHex(sha256.digest()));
            }
        }

        private static MessageDigest newSha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java platform has SHA-256", e);
            }
        }
    }

    private Checkpoint(Path folder, Manifest manifest, CheckpointState state) {
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
        Manifest manifest = read(folder.resolve(MANIFEST), Manifest.class);
        if (manifest.formatVersion != CheckpointState.FORMAT_VERSION) {
            throw new ConfigException(folder + " has checkpoint format " + manifest.formatVersion
                    + ", this version reads " + CheckpointState.FORMAT_VERSION
                    + "; use the version of Kinema that wrote it");
        }
        Checkpoint checkpoint = new Checkpoint(folder, manifest, read(folder.resolve(STATE), CheckpointState.class));
        checkpoint.verify(STATE);
        return checkpoint;
    }

    private static <T> T read(Path file, Class<T> type) throws IOException {
        try {
            return JSON.readValue(Files.readAllBytes(file), type);
        } catch (NoSuchFileException e) {
            throw new ConfigException(file.getParent() + " is not a checkpoint: it has no " + file.getFileName()
                    + "; name a folder such as RUN/checkpoints/step-00000100");
        } catch (JsonProcessingException e) {
            long offset = e.getLocation() == null ? 0 : e.getLocation().getByteOffset();
            throw new IOException(file + " is damaged at byte " + offset + ": " + e.getOriginalMessage());
        }
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
     * Reads every file against its SHA-256.
     *
     * @throws IOException when one is missing, of another size, or of other contents; the message names it
     */
    public void verify() throws IOException {
        for (String name : manifest.files.keySet()) {
            verify(name);
        }
    }

    private void verify(String name) throws IOException {
        Path file = folder.resolve(name);
        Digest expected = manifest.files.get(name);
        if (expected == null) {
            throw new IOException(folder.resolve(MANIFEST) + " does not list " + name);
        }
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is missing");
        }
        if (Files.size(file) != expected.bytes) {
            throw new IOException(file + " has " + Files.size(file) + " bytes, its manifest says " + expected.bytes);
        }
        Digest found = Digest.of(file);
        if (!found.equals(expected)) {
            throw new IOException(file + " has SHA-256 " + found.sha256 + ", its manifest says " + expected.sha256);
        }
    }

    /**
     * Reads the weights.
     *
     * @param layout of the model
     * @param flat as long as the layout's flat vector, fp32; overwritten
     * @throws IOException when the file does not hold just these parameters
     */
    public void readModel(ParameterLayout layout, MemorySegment flat) throws IOException {
        readWeights(folder.resolve(MODEL), layout, flat);
    }

    /**
     * Reads the average of the weights.
     *
     * @param layout of the model
     * @param flat as long as the layout's flat vector, fp32; overwritten
     * @throws IOException when the file does not hold just these parameters
     */
    public void readEma(ParameterLayout layout, MemorySegment flat) throws IOException {
        readWeights(folder.resolve(EMA), layout, flat);
    }

    private static void readWeights(Path file, ParameterLayout layout, MemorySegment flat) throws IOException {
        flat.fill((byte) 0);
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Entry> entries = Safetensors.read(file, arena);
            Map<String, ParameterLayout.Entry> byName = byName(layout);
            for (Safetensors.Entry entry : entries) {
                ParameterLayout.Entry parameter = byName.remove(entry.name());
                if (parameter == null || !Arrays.equals(parameter.shape(), entry.shape())) {
                    throw new IOException(file + " holds " + entry.name() + Arrays.toString(entry.shape())
                            + ", the model has "
                            + (parameter == null ? "no such parameter" : Arrays.toString(parameter.shape())));
                }
                MemorySegment.copy(
                        entry.data(),
                        0,
                        flat,
                        parameter.offset() * Float.BYTES,
                        entry.data().byteSize());
            }
            if (!byName.isEmpty()) {
                throw new IOException(
                        file + " lacks " + byName.keySet().iterator().next());
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
        List<Path> files;
        try (Stream<Path> names = Files.list(folder)) {
            files = names.filter(file -> file.getFileName().toString().startsWith("optimizer-"))
                    .sorted()
                    .toList();
        }
        long to = from + first.byteSize() / Float.BYTES;
        first.fill((byte) 0);
        second.fill((byte) 0);
        Map<String, ParameterLayout.Entry> byName = byName(layout);
        long found = 0;
        for (Path file : files) {
            try (Arena arena = Arena.ofConfined()) {
                for (Safetensors.Entry piece : Safetensors.read(file, arena)) {
                    MemorySegment target = piece.name().startsWith(FIRST_MOMENT) ? first : second;
                    found += copyPiece(file, piece, byName, from, target);
                }
            }
        }
        long expected = 2 * (Math.min(to, layout.numElements()) - Math.min(from, layout.numElements()));
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
        long pieceTo = pieceFrom + piece.data().byteSize() / Float.BYTES;
        long begin = Math.max(from, pieceFrom);
        long end = Math.min(from + target.byteSize() / Float.BYTES, pieceTo);
        if (begin >= end) {
            return 0;
        }
        MemorySegment.copy(
                piece.data(),
                (begin - pieceFrom) * Float.BYTES,
                target,
                (begin - from) * Float.BYTES,
                (end - begin) * Float.BYTES);
        return end - begin;
    }

    private static Map<String, ParameterLayout.Entry> byName(ParameterLayout layout) {
        return new ArrayList<>(layout.entries())
                .stream().collect(Collectors.toMap(ParameterLayout.Entry::name, Function.identity()));
    }
}
