package io.kinema.recaption.captioner;

import java.io.IOException;
import java.util.List;

/**
 * Describes clips. Calls may come from several threads; an implementation whose model is used by one at a time makes
 * them take turns.
 */
public interface Captioner extends AutoCloseable {
    /**
     * The kind of captioner, which becomes a caption's {@code origin}.
     *
     * @return {@code dl4j}, {@code endpoint} or {@code onnx}
     */
    String origin();

    /**
     * What tells the model from others.
     *
     * @return SHA-256 of its files in hex, or the name that a server has for it
     */
    String model();

    /**
     * What tells the question from others: everything besides the frames that an answer depends on.
     *
     * @param style of the captions asked for, {@code short} or {@code detailed}
     * @return SHA-256 in hex
     */
    String promptHash(String style);

    /**
     * Describes clips. Where nothing is drawn, or all that is drawn follows from the questions, answers are a function
     * of the questions, whatever else was asked before.
     *
     * @param questions what to describe, at least one
     * @return an answer to each, in their order; one that is of no use says why in {@link Answer#problem}
     * @throws io.kinema.data.command.ConfigException if the user has to change something: a key that is refused, a
     *     model that is not there
     * @throws IOException if no question can be answered now: a server that is not there
     */
    List<Answer> describe(List<Question> questions) throws IOException;

    /**
     * What a server was asked for, and what that cost.
     *
     * @return since the captioner was opened; nothing where it computes by itself
     */
    default ServerUsage usage() {
        return ServerUsage.NONE;
    }

    @Override
    void close();
}
