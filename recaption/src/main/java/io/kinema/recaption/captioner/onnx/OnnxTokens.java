package io.kinema.recaption.captioner.onnx;

import com.fasterxml.jackson.databind.JsonNode;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * The first and the last token of a model's captions.
 *
 * @param start the decoder's first input
 * @param end the token that ends a caption; of several end tokens, the first
 * @param maxPositions the most tokens of the decoder's input; {@link #UNBOUNDED} if the model has no limit
 */
record OnnxTokens(int start, int end, int maxPositions) {
    static final int UNBOUNDED = Integer.MAX_VALUE;

    /** An object of settings, and its place for messages. */
    private record Section(String where, JsonNode values) {
        OptionalInt find(String key) {
            JsonNode value = values.path(key);
            if (value.isArray() && !value.isEmpty()) {
                value = value.get(0);
            }
            if (value.isMissingNode() || value.isNull()) {
                return OptionalInt.empty();
            }
            if (!value.isInt() || value.intValue() < 0) {
                throw new ConfigException(where + " has " + key + "=" + values.path(key)
                        + ", which is not the number of a token; export the model again: " + OnnxFolder.REMEDY);
            }
            return OptionalInt.of(value.intValue());
        }
    }

    /**
     * Reads the tokens as the Transformers library does. {@code generation_config.json} comes before
     * {@code config.json}, and that before its section {@code decoder}. If no section has a
     * {@code decoder_start_token_id}, the {@code bos_token_id} takes its place.
     *
     * @throws ConfigException if a token is missing
     */
    static OnnxTokens read(OnnxFolder folder) throws IOException {
        List<Section> sections = new ArrayList<>();
        if (folder.has(OnnxFolder.GENERATION_CONFIG)) {
            sections.add(new Section(
                    folder.file(OnnxFolder.GENERATION_CONFIG).toString(), folder.json(OnnxFolder.GENERATION_CONFIG)));
        }
        JsonNode config = folder.json(OnnxFolder.CONFIG);
        String configFile = folder.file(OnnxFolder.CONFIG).toString();
        sections.add(new Section(configFile, config));
        Section decoder = new Section(configFile + ", decoder,", config.path("decoder"));
        sections.add(decoder);
        return new OnnxTokens(
                first(sections, configFile, "decoder_start_token_id", "bos_token_id"),
                first(sections, configFile, "eos_token_id"),
                decoder.find("max_position_embeddings")
                        .orElse(decoder.find("n_positions").orElse(UNBOUNDED)));
    }

    private static int first(List<Section> sections, String configFile, String... keys) {
        for (String key : keys) {
            for (Section section : sections) {
                OptionalInt token = section.find(key);
                if (token.isPresent()) {
                    return token.getAsInt();
                }
            }
        }
        throw new ConfigException(configFile + " has no " + keys[0] + "; add it, as the model's page has it");
    }
}
