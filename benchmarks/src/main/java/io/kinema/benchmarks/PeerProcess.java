package io.kinema.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.data.clip.Patch;
import io.kinema.train.model.DitConfig;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** PyTorch's side of the comparison: {@code peers/step.py}, which prepares and makes steps when told to. */
final class PeerProcess implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PeerProgram process;
    private final String version;

    /**
     * What the peer chose to be timed with.
     *
     * @param loss of the first step
     * @param variant the fastest of its forms
     * @param note what was not tried and why, or empty
     */
    record Prepared(double loss, String variant, String note) {}

    private PeerProcess(PeerProgram process, String version) {
        this.process = process;
        this.version = version;
    }

    /**
     * Starts the peer.
     *
     * @param python the interpreter
     * @param script {@code peers/step.py}
     * @param threads that it may compute with
     * @throws AbsentPeerException when the interpreter does not start or has no PyTorch
     * @throws IOException when the peer says something unexpected
     */
    static PeerProcess start(String python, Path script, int threads) throws IOException, AbsentPeerException {
        ProcessBuilder builder =
                new ProcessBuilder(List.of(python, "-u", script.toString(), "--threads", Integer.toString(threads)));
        // The launch scripts hold other libraries' pools to one thread; this process has its own.
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads));
        builder.environment().remove("OPENBLAS_NUM_THREADS");
        // It keeps HotSpot small; PyTorch's threads would wait for each other to allocate.
        builder.environment().remove("MALLOC_ARENA_MAX");
        PeerProgram process;
        String line;
        try {
            process = PeerProgram.start("PyTorch", builder);
        } catch (IOException e) {
            throw new AbsentPeerException(e.getMessage());
        }
        try {
            line = process.hear("its version");
        } catch (IOException e) {
            process.close();
            throw new AbsentPeerException(python + " said nothing");
        }
        JsonNode hello = JSON.readTree(line);
        if (hello.has("torch")) {
            return new PeerProcess(process, hello.path("torch").asText());
        }
        process.close();
        throw new AbsentPeerException(hello.path("error").asText(python + " said nothing"));
    }

    /** The version of PyTorch. */
    String version() {
        return version;
    }

    /** Makes a case, tries its forms and keeps the fastest, which takes minutes. */
    Prepared prepare(StepCase of, Precision precision) throws IOException {
        ObjectNode request = JSON.createObjectNode();
        request.set("model", model(of.model()));
        ArrayNode grids = request.putArray("grids");
        of.grids().forEach(grid -> grids.addArray().add(grid.t()).add(grid.h()).add(grid.w()));
        request.put("captionBytes", StepCase.CAPTION_BYTES).put("precision", precision.flag());
        JsonNode answer = ask(request);
        return new Prepared(
                answer.path("loss").asDouble(),
                answer.path("variant").asText(),
                answer.path("note").asText());
    }

    private static ObjectNode model(DitConfig config) {
        Patch patch = config.tokens().patch();
        ObjectNode model = JSON.createObjectNode();
        model.put("depth", config.depth()).put("width", config.width()).put("heads", config.heads());
        model.put("captionDepth", config.captionDepth()).put("captionWidth", config.captionWidth());
        model.put("captionHeads", config.captionHeads());
        model.putArray("patch").add(patch.frames()).add(patch.height()).add(patch.width());
        return model;
    }

    /** Makes one step and returns its milliseconds, timed by the peer. */
    double stepMs() throws IOException {
        return ask(JSON.createObjectNode()).path("ms").asDouble();
    }

    private JsonNode ask(JsonNode request) throws IOException {
        String line = JSON.writeValueAsString(request);
        process.tell(line);
        return JSON.readTree(process.hear(line));
    }

    @Override
    public void close() {
        process.close();
    }
}
