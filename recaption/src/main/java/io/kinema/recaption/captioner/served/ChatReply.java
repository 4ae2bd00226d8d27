package io.kinema.recaption.captioner.served;

import io.kinema.recaption.captioner.Answer;

/** What became of one request. */
sealed interface ChatReply {
    /** Tokens that a reply does not tell. */
    long UNKNOWN = -1;

    /**
     * The model has had its say.
     *
     * @param answer what it said; with a problem if that is of no use
     * @param promptTokens it took, or {@link #UNKNOWN}
     * @param completionTokens it wrote, or {@link #UNKNOWN}
     */
    record Answered(Answer answer, long promptTokens, long completionTokens) implements ChatReply {}

    /**
     * The server will not put this to the model, and would not if it were asked again.
     *
     * @param what it says of it
     */
    record Refused(String what) implements ChatReply {}

    /**
     * Nothing that is of use; the next try may fare better.
     *
     * @param what went wrong, in a few words
     * @param isUnreachable whether there was not even a connection
     * @param waitMs how long the server wants not to be asked; 0 if it does not say
     */
    record Failed(String what, boolean isUnreachable, long waitMs) implements ChatReply {}

    /**
     * The server does not take a parameter that can be done without.
     *
     * @param parameter its name
     */
    record UnsupportedParameter(String parameter) implements ChatReply {}
}
