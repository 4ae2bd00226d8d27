package io.kinema.recaption.captioner.onnx;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Texts to tokens and back, as {@code tokenizer.json} has it. Several threads may use it at once. */
final class OnnxTokenizer implements AutoCloseable {
    /** DJL would otherwise report its use to its makers and, where it sees a GPU, fetch a library for that. */
    private static final String OFFLINE = "ai.djl.offline";

    private final HuggingFaceTokenizer tokenizer;

    private OnnxTokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * Reads a tokenizer.
     *
     * @throws ConfigException if the file is not one
     */
    static OnnxTokenizer open(OnnxFolder folder) throws IOException {
        // The library that reads it tells no place.
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

    /** The tokens of a text, without those that begin and end one. */
    int[] tokens(String text) {
        return Arrays.stream(tokenizer.encode(text, false, false).getIds())
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /** The text of tokens, without the special ones among them. */
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
