package io.kinema.data.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.shard.Caption;
import io.kinema.data.storage.Folder;
import io.kinema.data.video.UnusableSourceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The captions and the licence of a source: from the input folder's tables, from {@code name.json} and from
 * {@code name.txt} beside {@code name.mp4}.
 *
 * @param captions in that order
 * @param licence the first licence found; empty if there is none
 */
record Sidecars(List<Caption> captions, String licence) {
    /**
     * Reads the files beside a source. A {@code .txt} is one caption; a {@code .json} is an object with
     * {@code caption}, a text, or {@code captions}, a list of texts, and perhaps {@code licence}.
     *
     * @throws UnusableSourceException if a {@code .json} is not JSON
     */
    static Sidecars read(Folder input, Source source) throws IOException {
        List<Caption> captions = new ArrayList<>(source.captions());
        String licence = source.licence();
        for (String path : source.sidecars()) {
            String text;
            try (InputStream in = input.open(path)) {
                text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
            if (path.endsWith(".txt")) {
                add(captions, text, "txt");
                continue;
            }
            JsonNode object = parse(path, text);
            add(captions, object.path("caption").asText(), "json");
            object.path("captions").forEach(caption -> add(captions, caption.asText(), "json"));
            licence = licence.isEmpty() ? object.path("licence").asText().strip() : licence;
        }
        return new Sidecars(captions, licence);
    }

    private static JsonNode parse(String path, String text) throws UnusableSourceException {
        try {
            return new JsonMapper().readTree(text);
        } catch (JsonProcessingException e) {
            String name = path.substring(path.lastIndexOf('/') + 1);
            throw new UnusableSourceException(
                    "caption", name + " is not JSON: " + e.getOriginalMessage().replace('\n', ' '));
        }
    }

    private static void add(List<Caption> captions, String text, String origin) {
        if (!text.isBlank()) {
            captions.add(Caption.ofSource(text.strip(), origin));
        }
    }
}
