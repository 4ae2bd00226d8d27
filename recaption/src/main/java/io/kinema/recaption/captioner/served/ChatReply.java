package io.kinema.recaption.captioner.served;

import io.kinema.recaption.captioner.Answer;

/** The result of one request. */
sealed interface ChatReply {
    /** The number of tokens if the reply does not report it. */
    long UNKNOWN = -1;

    /**
     * The model has answered.
     *
     * @param answer the answer, which has a problem if it is useless
     * @param promptTokens tokens of the request, or {@link #UNKNOWN}
     * @param completionTokens tokens of the answer, or {@link #UNKNOWN}
     */
    record Answered(Answer answer, long promptTokens, long completionTokens) implements ChatReply {}

    /**
     * The server refuses this request for good.
     *
     * @param what the server's reason
     */
    record Refused(String what) implements ChatReply {}

    /**
     * This try failed; the next one may succeed.
     *
     * @param what went wrong, in a few words
     * @param isUnreachable whether no connection was made
     * @param waitMs the wait that the server asks for; 0 if it asks for none
     */
    record Failed(String what, boolean isUnreachable, long waitMs) implements ChatReply {}

    /**
     * The server does not support an optional parameter.
     *
     * @param parameter its name
     */
    record UnsupportedParameter(String parameter) implements ChatReply {}
}
