package io.kinema.recaption.captioner.onnx;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Turns texts into tokens and back, as {@code tokenizer.json} says. Several threads may use a tokenizer at once. */
final class OnnxTokenizer implements AutoCloseable {
    /** Without this DJL reports its use to its makers, and downloads a library if it finds a GPU. */
    private static final String OFFLINE = "ai.djl.offline";

    private final HuggingFaceTokenizer tokenizer;

    private OnnxTokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * Reads a tokenizer.
     *
     * @throws ConfigException if the file is not a tokenizer
     */
    static OnnxTokenizer open(OnnxFolder folder) throws IOException {
        // Checked here for its place of mistakes, which the library does not report.
        folder.json(OnnxFolder.TOKENIZER);
        System.setProperty(OFFLINE, "true");
        Path file = folder.file(OnnxFolder.TOKENIZER);
        try (InputStream in = Files.newInputStream(file)) {
            return new OnnxTokenizer(HuggingFaceTokenizer.newInstance(in, Map.of()));
        } catch (RuntimeException e) {
            throw new ConfigException(
                    file + " is no tokenizer: " + OnnxFolder.firstLine(e.getMessage()) + "; export the model again: "
                            + OnnxFolder.REMEDY,
                    e);
        } catch (UnsatisfiedLinkError e) {
            throw new ConfigException(
                    "the library that reads " + file + " does not run here: " + OnnxFolder.firstLine(e.getMessage())
                            + "; use a system with glibc 2.34 or newer",
                    e);
        }
    }

    /** The tokens of a text, without start and end tokens. */
    int[] tokens(String text) {
        return Arrays.stream(tokenizer.encode(text, false, false).getIds())
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /** The text of tokens, without special tokens. */
    String text(int[] tokens) {
        return tokenizer
                .decode(Arrays.stream(tokens).asLongStream().toArray(), true)
                .strip();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
