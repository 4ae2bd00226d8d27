package io.kinema.recaption.captioner.onnx;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The files of a model.
 *
 * @param path the folder
 */
record OnnxFolder(Path path) {
    static final String ENCODER = "encoder_model.onnx";
    static final String DECODER = "decoder_model.onnx";
    static final String TOKENIZER = "tokenizer.json";
    static final String PREPROCESSOR = "preprocessor_config.json";
    static final String CONFIG = "config.json";
    static final String GENERATION_CONFIG = "generation_config.json";
    static final String PROMPTS = "prompts.json";

    static final String REMEDY = "optimum-cli export onnx --model NAME --task image-to-text FOLDER";

    private static final List<String> REQUIRED = List.of(ENCODER, DECODER, TOKENIZER, PREPROCESSOR, CONFIG);
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /**
     * Opens a folder and checks that all files of a model are in it.
     *
     * @throws ConfigException if the folder or a file is missing
     */
    static OnnxFolder of(String folder) {
        Path path = Path.of(folder);
        if (!Files.isDirectory(path)) {
            throw new ConfigException("--model=" + folder + " is no folder on this machine; make one: " + REMEDY);
        }
        OnnxFolder files = new OnnxFolder(path);
        for (String name : REQUIRED) {
            if (!files.has(name)) {
                throw new ConfigException(
                        "--model=" + folder + " has no " + name + "; export the model again: " + REMEDY);
            }
        }
        return files;
    }

    boolean has(String name) {
        return Files.isRegularFile(path.resolve(name));
    }

    Path file(String name) {
        return path.resolve(name);
    }

    /**
     * Reads a JSON object.
     *
     * @throws ConfigException if the file holds no JSON object; the message has the place
     */
    JsonNode json(String name) throws IOException {
        Path file = file(name);
        JsonNode tree;
        byte[] bytes = Files.readAllBytes(file);
        try {
            tree = JSON.readTree(bytes);
        } catch (JsonProcessingException e) {
            String place = e.getLocation() == null
                    ? ""
                    : ":" + e.getLocation().getLineNr() + ":" + e.getLocation().getColumnNr();
            throw new ConfigException(
                    file + place + " is not JSON: " + firstLine(e.getOriginalMessage()) + "; " + remedy(name), e);
        } catch (IOException e) {
            // The bytes were read, so their encoding is wrong.
            throw new ConfigException(file + " is not JSON: " + firstLine(e.getMessage()) + "; " + remedy(name), e);
        }
        if (!tree.isObject()) {
            throw new ConfigException(file + " of " + bytes.length + " bytes holds no JSON object; " + remedy(name));
        }
        return tree;
    }

    private static String remedy(String name) {
        return name.equals(PROMPTS) ? "correct it" : "export the model again: " + REMEDY;
    }

    static String firstLine(String message) {
        return message == null ? "" : message.lines().findFirst().orElse("").strip();
    }

    /**
     * The identity of the model: SHA-256 of a list of its files with their SHA-256, in the order of names. Files whose
     * names begin with a graph's name hold weights that did not fit into the graph. Prompts are not part of the model.
     */
    String digest() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (String name : names()) {
            try (InputStream in = Files.newInputStream(file(name))) {
                lines.append(Sha256.of(in)).append("  ").append(name).append('\n');
            }
        }
        return Sha256.of(lines.toString().getBytes(StandardCharsets.UTF_8));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(path)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> file.getFileName().toString())
                    .filter(OnnxFolder::isUsed)
                    .sorted()
                    .toList();
        }
    }

    private static boolean isUsed(String name) {
        return REQUIRED.contains(name)
                || name.equals(GENERATION_CONFIG)
                || name.startsWith(ENCODER)
                || name.startsWith(DECODER);
    }
}
