package io.kinema.recaption.captioner.onnx;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An {@code .onnx} file, ready to run on the processor. A run uses one thread, so that its sums have a fixed order.
 * Several threads may run the graph at once.
 */
final class OnnxGraph implements AutoCloseable {
    private final Path file;
    private final OrtEnvironment environment;
    private final OrtSession session;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * The result of a run.
     *
     * @param shape size of each dimension
     * @param values in row-major order
     */
    record Values(long[] shape, FloatBuffer values) {}

    private OnnxGraph(Path file, OrtEnvironment environment, OrtSession session) {
        this.file = file;
        this.environment = environment;
        this.session = session;
    }

    /**
     * Loads a graph.
     *
     * @throws IOException if the file is damaged, or has operations that the library does not know
     */
    static OnnxGraph open(Path file) throws IOException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "kinema");
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setInterOpNumThreads(1);
            options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
            options.setDeterministicCompute(true);
            return new OnnxGraph(file, environment, environment.createSession(file.toString(), options));
        } catch (OrtException e) {
            throw new IOException(
                    file + " cannot be loaded: " + OnnxFolder.firstLine(e.getMessage())
                            + "; if it is damaged, export the model again: " + OnnxFolder.REMEDY,
                    e);
        }
    }

    Path file() {
        return file;
    }

    /** Checks that the graph has no other inputs than these. */
    void expectInputs(Set<String> known) {
        Set<String> others = new TreeSet<>(session.getInputNames());
        others.removeAll(known);
        if (!others.isEmpty()) {
            throw new ConfigException(file + " also takes " + others + ", which is not known here beside "
                    + new TreeSet<>(known) + "; export the model without past: " + OnnxFolder.REMEDY);
        }
    }

    boolean hasInput(String name) {
        return session.getInputNames().contains(name);
    }

    /** The dimensions of an input; below 0 if they vary. */
    long[] input(String name, OnnxJavaType type, int rank) {
        return dimensions("input", inputs(), name, type, rank);
    }

    /** The dimensions of an output; below 0 if they vary. */
    long[] output(String name, int rank) {
        return dimensions("output", outputs(), name, OnnxJavaType.FLOAT, rank);
    }

    private Map<String, NodeInfo> inputs() {
        try {
            return session.getInputInfo();
        } catch (OrtException e) {
            throw new IllegalStateException(file + " does not tell its inputs", e);
        }
    }

    private Map<String, NodeInfo> outputs() {
        try {
            return session.getOutputInfo();
        } catch (OrtException e) {
            throw new IllegalStateException(file + " does not tell its outputs", e);
        }
    }

    private long[] dimensions(String kind, Map<String, NodeInfo> all, String name, OnnxJavaType type, int rank) {
        if (!all.containsKey(name)) {
            throw new ConfigException(file + " has no " + kind + " " + name + " but " + new TreeSet<>(all.keySet())
                    + "; export the model for captions, without past: " + OnnxFolder.REMEDY);
        }
        if (!(all.get(name).getInfo() instanceof TensorInfo info)
                || info.type != type
                || info.getShape().length != rank) {
            String found = all.get(name).getInfo() instanceof TensorInfo info
                    ? info.type + Arrays.toString(info.getShape())
                    : all.get(name).getInfo().getClass().getSimpleName();
            throw new ConfigException(file + " has the " + kind + " " + name + " as " + found + ", not as " + type
                    + " of " + rank + " dimensions; export the model again: " + OnnxFolder.REMEDY);
        }
        return info.getShape();
    }

    /** A tensor over a buffer. The buffer must not change while the tensor is in use. The caller closes the tensor. */
    OnnxTensor tensor(FloatBuffer values, long... shape) {
        try {
            return OnnxTensor.createTensor(environment, values, shape);
        } catch (OrtException e) {
            throw new IllegalStateException("no tensor " + Arrays.toString(shape) + " for " + file, e);
        }
    }

    /** A tensor of whole numbers. The caller closes the tensor. */
    OnnxTensor tensor(LongBuffer values, long... shape) {
        try {
            return OnnxTensor.createTensor(environment, values, shape);
        } catch (OrtException e) {
            throw new IllegalStateException("no tensor " + Arrays.toString(shape) + " for " + file, e);
        }
    }

    /**
     * Runs the graph.
     *
     * @param inputs stay the caller's to close
     * @param output name of the output
     * @throws ConfigException if a dimension does not fit
     */
    Values run(Map<String, OnnxTensor> inputs, String output) {
        try (OrtSession.Result result = session.run(inputs, Set.of(output))) {
            OnnxTensor tensor = (OnnxTensor) result.get(0);
            return new Values(tensor.getInfo().getShape(), tensor.getFloatBuffer());
        } catch (OrtException e) {
            StringBuilder given = new StringBuilder();
            inputs.forEach((name, tensor) -> given.append(given.isEmpty() ? "" : ", ")
                    .append(name)
                    .append(Arrays.toString(tensor.getInfo().getShape())));
            throw new ConfigException(
                    file + " does not run on " + given + ": " + OnnxFolder.firstLine(e.getMessage())
                            + "; give it frames and tokens that it can take, or export the model again: "
                            + OnnxFolder.REMEDY,
                    e);
        }
    }

    @Override
    public void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        try {
            session.close();
        } catch (OrtException e) {
            throw new IllegalStateException(file + " cannot be closed", e);
        }
    }
}
