package io.kinema.train.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The file {@code run.json} in the run folder, for programs; {@code run.args} beside it is for people. JSON in UTF-8,
 * ended by a line feed. A launch writes it under a temporary name and renames it, before it starts a rank.
 *
 * <pre>
 * formatVersion   int, {@value #FORMAT_VERSION}
 * files           {@link RunFiles}: folder, data, dataSha256
 * settings        {@link RunSettings}
 *   recipe        {@link Recipe}: model, diffusionName, timeShift, microbatches, tokens, steps, seed, captions,
 *                 learningRate, adamw, precision, spikeSigma, reduction
 *   ranks         {@link RankSetup}: numRanks, device, recompute, zero, memoryLimitMb
 *   exchange      {@link ExchangeSetup}: transport, timeoutSeconds, storageTimeoutSeconds, hasSecret
 *   checkpoints   {@link CheckpointPolicy}: every, isAsync, retention, resume
 *   restarts      {@link RestartPolicy}: maxRestarts, minRanks
 *   sample        {@link SampleRequest}: steps, prompt, guidance, ffmpeg
 * flags           array of strings: the lines of {@code run.args}
 * </pre>
 *
 * <p>Each object has the components of its record by their names; an enum is the name of its constant. All are
 * required, and no others are allowed.
 *
 * @param path of the file
 * @param sha256 of the bytes that the launcher wrote
 */
public record RunDescriptionFile(Path path, String sha256) {
    /** The version that is written and read. */
    static final int FORMAT_VERSION = 1;

    private static final String VERSION = "formatVersion";
    private static final String TEMPORARY = ".run.json.tmp";

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    /**
     * Writes a run's file, in place of one that is there.
     *
     * @param run what to write, to its folder
     * @return the file
     * @throws IOException when it cannot be written
     */
    public static RunDescriptionFile write(RunDescription run) throws IOException {
        ObjectNode node = JSON.createObjectNode().put(VERSION, FORMAT_VERSION);
        node.setAll((ObjectNode) JSON.valueToTree(run));
        byte[] bytes = (JSON.writeValueAsString(node) + "\n").getBytes(StandardCharsets.UTF_8);
        Path path = run.folder().description();
        Path temporary = path.resolveSibling(TEMPORARY);
        Files.write(temporary, bytes);
        Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        return new RunDescriptionFile(path, Sha256.of(bytes));
    }

    /**
     * Reads what the launcher wrote.
     *
     * @return the run
     * @throws ConfigException when the file was changed since, or is of another version
     * @throws IOException when it cannot be read
     */
    public RunDescription read() throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        String found = Sha256.of(bytes);
        if (!found.equals(sha256)) {
            throw new ConfigException(path + " has SHA-256 " + found + ", the launcher wrote " + sha256
                    + ": the file was changed while the run goes on; stop the run, and give flags to launch/train.sh");
        }
        try {
            if (!(JSON.readTree(bytes) instanceof ObjectNode node)) {
                throw new IOException(path + " is no description of a run: it is no object");
            }
            int version = node.path(VERSION).asInt();
            if (version != FORMAT_VERSION) {
                throw new ConfigException(path + " has format version " + version + ", this program reads "
                        + FORMAT_VERSION + "; start launcher and ranks from one build");
            }
            node.remove(VERSION);
            return JSON.treeToValue(node, RunDescription.class);
        } catch (JsonProcessingException e) {
            if (e.getCause() instanceof ConfigException mistake) {
                throw mistake;
            }
            throw new IOException(path + " is no description of a run, " + place(e) + ": " + e.getOriginalMessage(), e);
        }
    }

    private static String place(JsonProcessingException e) {
        if (e instanceof JsonMappingException mapping) {
            return "at "
                    + mapping.getPath().stream()
                            .map(JsonMappingException.Reference::getFieldName)
                            .collect(Collectors.joining("."));
        }
        return "line " + e.getLocation().getLineNr();
    }

    /**
     * Whether the file is there and has the bytes that the launcher wrote.
     *
     * @return false on a host that does not see the file yet
     */
    public boolean isAsWritten() {
        try {
            return Sha256.of(Files.readAllBytes(path)).equals(sha256);
        } catch (IOException notThere) {
            return false;
        }
    }

    /**
     * What all ranks must have alike, when they meet: every setting that is not rank 0's alone, and the digest.
     *
     * @param run that this file describes
     * @return values by name, such as {@code ranks.zero}
     */
    public Map<String, String> common(RunDescription run) {
        Map<String, String> values = new LinkedHashMap<>();
        ObjectNode settings = JSON.valueToTree(run.settings());
        settings.remove("sample");
        collect("", settings, values);
        values.put("SHA-256 of " + path.getFileName(), sha256);
        return Collections.unmodifiableMap(values);
    }

    private static void collect(String name, JsonNode node, Map<String, String> values) {
        if (node.isValueNode()) {
            values.put(name, node.asText());
        }
        node.properties()
                .forEach(each ->
                        collect(name.isEmpty() ? each.getKey() : name + "." + each.getKey(), each.getValue(), values));
    }
}
