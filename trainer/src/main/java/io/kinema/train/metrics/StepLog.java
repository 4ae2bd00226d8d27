package io.kinema.train.metrics;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import io.kinema.data.storage.JsonLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A file of JSON objects about steps, {@code metrics.jsonl} or {@code spikes.jsonl}: each step at most once, whatever
 * restarts there were. What is not finite is null.
 */
public final class StepLog implements AutoCloseable {
    private static final ObjectMapper JSON =
            new ObjectMapper().registerModule(new SimpleModule().addSerializer(double.class, new FiniteOrNull()));

    private final Optional<LineFile> file;

    /** JSON has no NaN and no infinity, which a step that was skipped has. */
    private static final class FiniteOrNull extends JsonSerializer<Double> {
        @Override
        public void serialize(Double value, JsonGenerator to, SerializerProvider provider) throws IOException {
            if (Double.isFinite(value)) {
                to.writeNumber(value);
            } else {
                to.writeNull();
            }
        }
    }

    private StepLog(Optional<LineFile> file) {
        this.file = file;
    }

    /**
     * Opens the file to append to. Lines of steps after {@code lastStep} belong to work that is done again, and are
     * dropped. So is a line that a killed process left half written, with a warning that names the file.
     *
     * @param file may exist
     * @param lastStep the step that training goes on from
     * @return the log
     * @throws IOException when the file cannot be read or written
     */
    public static StepLog open(Path file, long lastStep) throws IOException {
        if (Files.exists(file)) {
            List<String> kept = new ArrayList<>();
            for (JsonLines.Line line : JsonLines.whole(file, System.err::println)) {
                if (line.object().path("step").asLong(Long.MAX_VALUE) <= lastStep) {
                    kept.add(line.text());
                }
            }
            LineFile.rewrite(file, kept);
        }
        return new StepLog(Optional.of(LineFile.append(file, System.out::println)));
    }

    /**
     * Returns a log that keeps nothing, for ranks that do not write.
     *
     * @return a log
     */
    public static StepLog none() {
        return new StepLog(Optional.empty());
    }

    /**
     * Appends a line. Where the disk is full, the line waits for the next one.
     *
     * @param line about a step after all before
     * @throws IOException when the line is no JSON
     */
    public void write(StepLine line) throws IOException {
        String json = JSON.writeValueAsString(line);
        file.ifPresent(lines -> lines.append(json));
    }

    @Override
    public void close() throws IOException {
        if (file.isPresent()) {
            file.get().close();
        }
    }
}
