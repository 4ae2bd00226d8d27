package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What vouches for the other files of a checkpoint: {@code manifest.json}.
 *
 * @param formatVersion {@link CheckpointState#FORMAT_VERSION}
 * @param files by name
 */
record CheckpointManifest(int formatVersion, SequencedMap<String, Digest> files) {
    static final String FILE = "manifest.json";
    static final LongConsumer UNWATCHED = _ -> {};

    /** By the names that {@link CheckpointWriter#optimizerFile} gives. */
    private static final Pattern OPTIMIZER_FILE =
            Pattern.compile(Checkpoint.OPTIMIZER + "\\d{5,9}-of-(\\d{5,9})\\.safetensors");

    CheckpointManifest {
        Objects.requireNonNull(files, "files");
    }

    /**
     * The contents of a file.
     *
     * @param bytes its size
     * @param sha256 hexadecimal
     */
    record Digest(long bytes, String sha256) {
        static Digest of(Path file, LongConsumer bytesRead) throws IOException {
            try (Watched in = new Watched(Files.newInputStream(file), bytesRead)) {
                String sha256 = Sha256.of(in);
                return new Digest(in.numRead, sha256);
            }
        }
    }

    /** Tells of the bytes that are read. */
    private static final class Watched extends FilterInputStream {
        private final LongConsumer bytesRead;
        private long numRead;

        Watched(InputStream in, LongConsumer bytesRead) {
            super(in);
            this.bytesRead = bytesRead;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int n = super.read(buffer, offset, length);
            if (n > 0) {
                numRead += n;
                bytesRead.accept(n);
            }
            return n;
        }
    }

    /** Describes files that were written. */
    static CheckpointManifest of(List<WrittenFile> written) {
        SequencedMap<String, Digest> files = new TreeMap<>();
        written.forEach(file -> files.put(file.name(), new Digest(file.bytes(), file.sha256())));
        return new CheckpointManifest(CheckpointState.FORMAT_VERSION, files);
    }

    /**
     * Reads a checkpoint's manifest.
     *
     * @throws IOException when it is missing or damaged
     */
    static CheckpointManifest read(Path folder) throws IOException {
        return readJson(folder.resolve(FILE), CheckpointManifest.class);
    }

    /**
     * Refuses what this version cannot read.
     *
     * @throws ConfigException when it is of another format version
     */
    void requireVersion(Path folder) {
        if (formatVersion != CheckpointState.FORMAT_VERSION) {
            throw new ConfigException(folder + " has checkpoint format " + formatVersion + ", this version reads "
                    + CheckpointState.FORMAT_VERSION + "; use the version of Kinema that wrote it");
        }
    }

    static <T> T readJson(Path file, Class<T> type) throws IOException {
        try {
            T value = Checkpoint.JSON.readValue(Files.readAllBytes(file), type);
            if (value == null) {
                throw new IOException(file + " is damaged at byte 0: it holds nothing but null");
            }
            return value;
        } catch (JsonProcessingException e) {
            long offset = e.getLocation() == null ? 0 : e.getLocation().getByteOffset();
            // What a class refuses is told with the JSON around it on further lines.
            String what = e.getOriginalMessage().lines().findFirst().orElse("");
            throw new IOException(file + " is damaged at byte " + offset + ": " + what, e);
        }
    }

    /** What is wrong with a file, without reading it: it is missing, or of another size. */
    Optional<String> sizeProblem(Path folder, String name) {
        Path file = folder.resolve(name);
        Digest expected = files.get(name);
        if (expected == null) {
            return Optional.of((Files.exists(file) ? "" : "is missing, and ") + "is not in " + FILE
                    + (name.startsWith(Checkpoint.OPTIMIZER) ? ", which has those of " + worldSize() + " ranks" : ""));
        }
        if (!Files.isRegularFile(file)) {
            return Optional.of("is missing");
        }
        long bytes;
        try {
            bytes = Files.size(file);
        } catch (IOException e) {
            // It may have been deleted just now, with its checkpoint.
            return Optional.of("cannot be read (" + e + ")");
        }
        return bytes == expected.bytes
                ? Optional.empty()
                : Optional.of("has " + bytes + " bytes, its manifest says " + expected.bytes);
    }

    /** What is wrong with a file, after reading all of it. */
    Optional<String> problem(Path folder, String name, LongConsumer bytesRead) {
        Optional<String> ofSize = sizeProblem(folder, name);
        if (ofSize.isPresent()) {
            return ofSize;
        }
        Digest found;
        try {
            found = Digest.of(folder.resolve(name), bytesRead);
        } catch (IOException e) {
            return Optional.of("cannot be read (" + e + ")");
        }
        return found.equals(files.get(name))
                ? Optional.empty()
                : Optional.of("has SHA-256 " + found.sha256 + ", its manifest says " + files.get(name).sha256);
    }

    /** What is wrong with the files of a folder, in a line each, without reading more of them than the manifest. */
    static List<String> sizeProblems(Path folder) {
        Optional<String> lacking = Checkpoint.lacking(folder);
        if (lacking.isPresent()) {
            return List.of(lacking.get() + " is missing");
        }
        CheckpointManifest manifest;
        try {
            manifest = read(folder);
        } catch (IOException e) {
            return List.of(e.getMessage());
        }
        List<String> problems = new ArrayList<>();
        for (String name : manifest.expectedFiles()) {
            manifest.sizeProblem(folder, name).ifPresent(problem -> problems.add(name + " " + problem));
        }
        return problems;
    }

    /**
     * What must be there: the files that every checkpoint has, one of the optimizer's of each rank that wrote, and all
     * that are listed.
     */
    Set<String> expectedFiles() {
        Set<String> names = new TreeSet<>(files.keySet());
        names.addAll(List.of(Checkpoint.STATE, Checkpoint.MODEL, Checkpoint.EMA));
        int worldSize = Math.max(1, worldSize());
        for (int rank = 0; rank < worldSize; rank++) {
            names.add(CheckpointWriter.optimizerFile(rank, worldSize));
        }
        return names;
    }

    /** How many ranks wrote, as the names of their optimizers' files say; 0 where there are none. */
    int worldSize() {
        return files.keySet().stream()
                .map(OPTIMIZER_FILE::matcher)
                .filter(Matcher::matches)
                .mapToInt(name -> Integer.parseInt(name.group(1)))
                .max()
                .orElse(0);
    }

    /** Bytes of all files but the manifest. */
    long totalBytes() {
        return files.values().stream().mapToLong(Digest::bytes).sum();
    }
}
