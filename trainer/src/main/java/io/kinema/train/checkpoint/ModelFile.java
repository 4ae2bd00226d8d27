package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A model to sample from, in one safetensors file: weights, or their average, by name, fp32 or bf16. Its metadata are
 * strings:
 *
 * <ul>
 *   <li>{@code format}: {@code kinema-model}; {@code formatVersion}: {@code 1}.
 *   <li>{@code weights}: {@code ema} or {@code model}.
 *   <li>{@code model}: the shape, a {@link CheckpointState.Model} in JSON.
 *   <li>{@code diffusion}, {@code timeShift}: the forward process; {@code trainedIn}: the precision of training.
 *   <li>{@code step}, {@code seed}, {@code dataSha256}: of the checkpoint that it was made from.
 *   <li>{@code sha256}: digest of the metadata above, {@code KEY=VALUE} and a line feed each in the order of the keys,
 *       and of the weights' bytes in the order of the model's layout; {@code none} where a program has changed them.
 * </ul>
 *
 * Other programs may save the file again: in another order, with further tensors and metadata, in fp16.
 *
 * @param file where it is
 * @param kind which weights it holds
 * @param config of the model and its forward process
 * @param dataSha256 digest of the data set that it was trained on
 */
record ModelFile(Path file, WeightsKind kind, CheckpointState.Config config, String dataSha256) {
    static final String EXTENSION = ".safetensors";

    private static final String FORMAT = "format";
    private static final String FORMAT_NAME = "kinema-model";
    private static final String VERSION = "formatVersion";
    private static final String VERSION_NUMBER = "1";
    private static final String WEIGHTS = "weights";
    private static final String MODEL = "model";
    private static final String DIFFUSION = "diffusion";
    private static final String TIME_SHIFT = "timeShift";
    private static final String TRAINED_IN = "trainedIn";
    private static final String STEP = "step";
    private static final String SEED = "seed";
    private static final String DATA = "dataSha256";
    private static final Set<String> DESCRIBED =
            Set.of(FORMAT, VERSION, WEIGHTS, MODEL, DIFFUSION, TIME_SHIFT, TRAINED_IN, STEP, SEED, DATA);
    private static final String DIGEST = "sha256";
    private static final String UNCHECKED = "none";
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * Writes a checkpoint's weights under a temporary name beside the file, {@code .NAME.tmp}, syncs and renames.
     *
     * @param stored fp32, or bf16, rounded to the nearest, ties to even
     * @throws IOException when they cannot be read, or the file not be written whole; it is then as before
     */
    static ModelFile write(Checkpoint from, WeightsKind kind, DType stored, Path file) throws IOException {
        Path source = from.verified(kind.file());
        Path target = file.toAbsolutePath();
        Path temporary = target.resolveSibling("." + target.getFileName() + ".tmp");
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Entry> entries = Safetensors.read(source, arena).entries();
            Map<String, String> metadata = describe(from.state(), kind);
            MessageDigest sha256 = digest(metadata);
            for (Safetensors.Entry entry : entries) {
                Safetensors.emit(entry, stored, sha256::update);
            }
            metadata.put(DIGEST, HexFormat.of().formatHex(sha256.digest()));
            try {
                Safetensors.write(temporary, entries, stored, metadata);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                Files.deleteIfExists(temporary);
                String what = e instanceof FileSystemException ? e.toString() : e.getMessage();
                throw new IOException("cannot write " + file + ": " + what + "; free space or choose another place", e);
            }
        }
        CheckpointFolder.sync(target.getParent());
        return new ModelFile(file, kind, from.state().config(), from.state().dataSha256());
    }

    private static Map<String, String> describe(CheckpointState state, WeightsKind kind)
            throws JsonProcessingException {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put(FORMAT, FORMAT_NAME);
        metadata.put(VERSION, VERSION_NUMBER);
        metadata.put(WEIGHTS, kind.flag());
        metadata.put(MODEL, JSON.writeValueAsString(state.config().model()));
        metadata.put(DIFFUSION, state.config().diffusion());
        metadata.put(TIME_SHIFT, Double.toString(state.config().timeShift()));
        metadata.put(TRAINED_IN, state.config().precision());
        metadata.put(STEP, Long.toString(state.step()));
        metadata.put(SEED, Long.toString(state.seed()));
        metadata.put(DATA, state.dataSha256());
        return metadata;
    }

    private static MessageDigest digest(Map<String, String> metadata) {
        MessageDigest sha256 = Sha256.digest();
        new TreeMap<>(metadata).forEach((key, value) -> {
            if (DESCRIBED.contains(key)) {
                sha256.update((key + "=" + value + "\n").getBytes(StandardCharsets.UTF_8));
            }
        });
        return sha256;
    }

    /**
     * Opens a file and reads all of it against its digest.
     *
     * @throws ConfigException when it is a file of another kind or version
     * @throws IOException when it is damaged
     */
    static ModelFile open(Path file) throws IOException {
        if (!file.toString().endsWith(EXTENSION)) {
            throw new ConfigException(file + " does not end in " + EXTENSION
                    + "; name a checkpoint folder, or a file that launch/checkpoint.sh export wrote");
        }
        try (Arena arena = Arena.ofConfined()) {
            Safetensors.Contents contents = Safetensors.read(file, arena);
            Map<String, String> metadata = contents.metadata();
            if (!FORMAT_NAME.equals(metadata.get(FORMAT))) {
                throw new ConfigException(file + " does not say which model its weights are of; name a checkpoint"
                        + " folder, or a file that launch/checkpoint.sh export wrote");
            }
            if (!VERSION_NUMBER.equals(metadata.get(VERSION))) {
                throw new ConfigException(file + " has format version " + metadata.get(VERSION)
                        + ", this version reads " + VERSION_NUMBER + "; use the version of Kinema that wrote it");
            }
            CheckpointState.Config config = config(file, metadata);
            requireDigest(file, metadata, weights(file, config, contents.entries()));
            return new ModelFile(file, kind(file, metadata), config, text(file, metadata, DATA));
        }
    }

    /** The model's weights in the order of its layout, wherever another program put them, none missing. */
    private static List<Safetensors.Entry> weights(
            Path file, CheckpointState.Config config, List<Safetensors.Entry> entries) throws IOException {
        Map<String, Safetensors.Entry> byName = new HashMap<>();
        entries.forEach(entry -> byName.put(entry.name(), entry));
        CheckpointState.Model model = config.model();
        // A damaged header may ask for more blocks than memory has room for.
        if (Math.max(model.depth(), model.captionDepth()) > entries.size()) {
            throw damaged(file, MODEL, model.toString());
        }
        List<Safetensors.Entry> weights = new ArrayList<>();
        for (ParameterLayout.Entry parameter : layout(file, model).entries()) {
            Safetensors.Entry entry = byName.get(parameter.name());
            if (entry == null) {
                throw new IOException(
                        file + " lacks " + parameter.name() + ", or does not have it as F32, BF16 or F16");
            }
            weights.add(entry);
        }
        return weights;
    }

    private static ParameterLayout layout(Path file, CheckpointState.Model model) throws IOException {
        try {
            return new SpacetimeDit(model.toConfig()).layout();
        } catch (RuntimeException whatDamageCanSpell) {
            throw damaged(file, MODEL, model.toString());
        }
    }

    private static void requireDigest(Path file, Map<String, String> metadata, List<Safetensors.Entry> weights)
            throws IOException {
        String expected = text(file, metadata, DIGEST);
        if (expected.equals(UNCHECKED)) {
            return;
        }
        MessageDigest sha256 = digest(metadata);
        for (Safetensors.Entry entry : weights) {
            Safetensors.emit(entry, entry.type(), sha256::update);
        }
        String found = HexFormat.of().formatHex(sha256.digest());
        if (found.equals(expected)) {
            return;
        }
        if (weights.stream().noneMatch(entry -> entry.type() == DType.FP16)) {
            throw new IOException(file + " has contents of SHA-256 " + found + ", its header says " + expected
                    + "; if you changed the weights on purpose, write \"" + UNCHECKED + "\" there");
        }
        // Kinema writes no fp16: another program has converted the weights, and their digest is of other bytes.
        System.err.println("warning: " + file + " holds weights in F16, which its digest is not of: not checked");
    }

    private static WeightsKind kind(Path file, Map<String, String> metadata) throws IOException {
        return switch (text(file, metadata, WEIGHTS)) {
            case "ema" -> WeightsKind.EMA;
            case "model" -> WeightsKind.MODEL;
            case String other -> throw damaged(file, WEIGHTS, other);
        };
    }

    private static CheckpointState.Config config(Path file, Map<String, String> metadata) throws IOException {
        String model = text(file, metadata, MODEL);
        String timeShift = text(file, metadata, TIME_SHIFT);
        try {
            return new CheckpointState.Config(
                    JSON.readValue(model, CheckpointState.Model.class),
                    text(file, metadata, DIFFUSION),
                    Double.parseDouble(timeShift),
                    text(file, metadata, TRAINED_IN));
        } catch (JsonProcessingException e) {
            throw damaged(file, MODEL, model);
        } catch (NumberFormatException e) {
            throw damaged(file, TIME_SHIFT, timeShift);
        }
    }

    private static String text(Path file, Map<String, String> metadata, String key) throws IOException {
        String value = metadata.get(key);
        if (value == null) {
            throw damaged(file, key, "nothing");
        }
        return value;
    }

    private static IOException damaged(Path file, String key, String value) {
        return new IOException(file + " is damaged in its header: " + key + " is " + value);
    }
}
