package io.kinema.data.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.RuntimeJsonMappingException;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Caption;
import io.kinema.data.storage.Folder;
import io.kinema.data.storage.JsonLines;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The captions in the tables of the input folder: {@code captions.csv} has a header row, {@code captions.jsonl} has an
 * object a line. Both have {@code path} (relative to the folder), {@code caption} and, if known, {@code licence}. A
 * path may have several rows.
 */
final class CaptionTable {
    static final String CSV = "captions.csv";
    static final String JSONL = "captions.jsonl";

    private final Map<String, List<Caption>> captions = new TreeMap<>();
    private final Map<String, String> licences = new TreeMap<>();

    /** Reads the tables, if there are any. */
    static CaptionTable read(Folder input) throws IOException {
        CaptionTable table = new CaptionTable();
        if (input.exists(CSV)) {
            try (InputStream in = input.open(CSV)) {
                table.readCsv(in, input.locationOf(CSV));
            }
        }
        if (input.exists(JSONL)) {
            try (InputStream in = input.open(JSONL)) {
                table.readJsonl(in, input.locationOf(JSONL));
            }
        }
        return table;
    }

    private void readCsv(InputStream in, String where) throws IOException {
        CsvMapper mapper =
                CsvMapper.builder().enable(CsvParser.Feature.TRIM_SPACES).build();
        try (MappingIterator<Map<String, String>> rows = mapper.readerForMapOf(String.class)
                .with(CsvSchema.emptySchema().withHeader())
                .readValues(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            while (rows.hasNext()) {
                int line = rows.getCurrentLocation().getLineNr();
                Map<String, String> row = rows.next();
                add(row.get("path"), row.get("caption"), row.get("licence"), CSV, where + ":" + line);
            }
        } catch (JsonProcessingException | RuntimeJsonMappingException e) {
            throw new ConfigException(where + " is not a CSV table: " + firstLine(e) + "; correct it or remove it", e);
        }
    }

    private void readJsonl(InputStream in, String where) throws IOException {
        JsonLines.read(in, line -> {
            String at = where + ":" + line.number();
            if (!line.isWhole()) {
                throw new ConfigException(
                        at + " is not JSON: " + line.fault() + "; correct the line or remove it, and save UTF-8");
            }
            JsonNode row = line.object();
            add(
                    row.path("path").asText(),
                    row.path("caption").asText(),
                    row.path("licence").asText(),
                    JSONL,
                    at);
        });
    }

    private void add(String path, String caption, String licence, String origin, String where) {
        if (path == null || path.isBlank() || caption == null) {
            throw new ConfigException(
                    where + " has no path or no caption; give the columns path, caption and, if known, licence");
        }
        String normal = path.strip().replaceFirst("^(\\./)+", "");
        List<Caption> known = captions.computeIfAbsent(normal, key -> new ArrayList<>());
        if (!caption.isBlank()) {
            known.add(Caption.ofSource(caption.strip(), origin));
        }
        if (licence != null && !licence.isBlank()) {
            licences.put(normal, licence.strip());
        }
    }

    private static String firstLine(Exception e) {
        return e.getMessage().lines().findFirst().orElse("");
    }

    List<Caption> captionsOf(String path) {
        return captions.getOrDefault(path, List.of());
    }

    String licenceOf(String path) {
        return licences.getOrDefault(path, "");
    }

    /** Every path that a row names, sorted. */
    List<String> paths() {
        return List.copyOf(captions.keySet());
    }
}
