package io.kinema.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.data.clip.Patch;
import io.kinema.train.model.DitConfig;
import io.kinema.train.tensor.Precision;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** PyTorch's side of the comparison: {@code peers/step.py}, which prepares and makes steps when told to. */
final class PeerProcess implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long END_SECONDS = 10;

    private final Process process;
    private final BufferedReader from;
    private final Writer to;
    private final String version;

    /** There is no PyTorch behind a command; the message says what there is instead. */
    static final class AbsentException extends Exception {
        private static final long serialVersionUID = 1;

        AbsentException(String message) {
            super(message);
        }
    }

    /**
     * What the peer chose to be timed with.
     *
     * @param loss of the first step
     * @param variant the fastest of its forms
     * @param note what was not tried and why, or empty
     */
    record Prepared(double loss, String variant, String note) {}

    private PeerProcess(Process process, BufferedReader from, String version) {
        this.process = process;
        this.from = from;
        this.to = process.outputWriter();
        this.version = version;
    }

    /**
     * Starts the peer.
     *
     * @param python the interpreter
     * @param script {@code peers/step.py}
     * @param threads that it may compute with
     * @throws AbsentException when the interpreter does not start or has no PyTorch
     * @throws IOException when the peer says something unexpected
     */
    static PeerProcess start(String python, Path script, int threads) throws IOException, AbsentException {
        ProcessBuilder builder =
                new ProcessBuilder(List.of(python, "-u", script.toString(), "--threads", Integer.toString(threads)));
        builder.redirectError(Redirect.INHERIT);
        // The launch scripts hold other libraries' pools to one thread; this process has its own.
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads));
        builder.environment().remove("OPENBLAS_NUM_THREADS");
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new AbsentException(e.getMessage());
        }
        BufferedReader from = process.inputReader();
        String line = from.readLine();
        JsonNode hello = line == null ? JSON.createObjectNode() : JSON.readTree(line);
        if (hello.has("torch")) {
            return new PeerProcess(process, from, hello.path("torch").asText());
        }
        process.destroy();
        throw new AbsentException(hello.path("error").asText(python + " said nothing"));
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
        Patch patch = config.patch();
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
        to.write(JSON.writeValueAsString(request) + "\n");
        to.flush();
        String line = from.readLine();
        if (line == null) {
            throw new IOException("the PyTorch process ended when asked for " + request + "; what it says is above");
        }
        return JSON.readTree(line);
    }

    @Override
    public void close() throws IOException {
        try {
            to.close();
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
