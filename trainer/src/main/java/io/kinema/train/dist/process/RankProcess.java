package io.kinema.train.dist.process;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** The process of one rank, on this host or on another, as its launcher sees it. */
public sealed interface RankProcess permits LocalRank, RemoteRank {
    /**
     * Returns where its output is appended.
     *
     * @return the log of this start
     */
    RankLog log();

    /**
     * Returns its end.
     *
     * @return completed with the exit code, 128 + n after signal n, when the process has ended
     */
    CompletableFuture<Integer> exit();

    /** Sends SIGTERM, if it runs. */
    void terminate();

    /** Sends SIGKILL, if it runs. */
    void kill();

    /**
     * Asks for the stacks of all its threads.
     *
     * @return completed within seconds, with the stacks or with why there are none; lines
     * @throws IOException when its output cannot be read
     * @throws InterruptedException when the calling thread is interrupted
     */
    CompletableFuture<String> stacks() throws IOException, InterruptedException;
}
