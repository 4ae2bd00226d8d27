package io.kinema.recaption.captioner;

import java.io.IOException;
import java.util.List;

/**
 * Describes clips. Several threads may call a captioner; a captioner whose model serves one thread at a time makes them
 * take turns.
 */
public interface Captioner extends AutoCloseable {
    /**
     * The kind of captioner, which becomes a caption's {@code origin}.
     *
     * @return {@code dl4j}, {@code endpoint} or {@code onnx}
     */
    String origin();

    /**
     * The identity of the model.
     *
     * @return SHA-256 of its files in hex, or its name on the server
     */
    String model();

    /**
     * The identity of the question: a digest of everything besides the frames that an answer depends on.
     *
     * @param style of the captions asked for, {@code short} or {@code detailed}
     * @return SHA-256 in hex
     */
    String promptHash(String style);

    /**
     * Describes clips. Answers depend on the questions alone, not on earlier questions, unless a server draws them.
     *
     * @param questions clips to describe, at least one
     * @return an answer to each question, in their order; a useless answer says why in {@link Answer#problem}
     * @throws io.kinema.data.command.ConfigException if the user must change something: the server refuses the key, or
     *     has no such model
     * @throws IOException if no question can be answered now, for example because the server is down
     */
    List<Answer> describe(List<Question> questions) throws IOException;

    /**
     * The requests to a server, and their cost.
     *
     * @return use since the captioner was opened; {@link ServerUsage#NONE} for a captioner that computes by itself
     */
    default ServerUsage usage() {
        return ServerUsage.NONE;
    }

    @Override
    void close();
}
