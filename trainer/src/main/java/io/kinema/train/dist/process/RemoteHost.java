package io.kinema.train.dist.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** A host that has joined, as the launcher sees it: what it asks of the host, and the ranks that run there. */
public final class RemoteHost implements AutoCloseable {
    private final String name;
    private final HostLink link;
    private final int localRank;
    private final Consumer<String> onSignal;
    private final Map<Integer, RemoteRank> ranks = new ConcurrentHashMap<>();
    // Guarded by this.
    private final Queue<CompletableFuture<String>> answers = new ArrayDeque<>();
    private String lost = "";

    RemoteHost(String name, HostLink link, int localRank, Consumer<String> onSignal) {
        this.name = name;
        this.link = link;
        this.localRank = localRank;
        this.onSignal = onSignal;
    }

    /**
     * Returns what to call it.
     *
     * @return as in "host a"
     */
    public String name() {
        return name;
    }

    /**
     * Returns how many indices before its own the host is that has the media driver of the same machine.
     *
     * @return 0 for the one that has it
     */
    public int localRank() {
        return localRank;
    }

    /**
     * Returns whether the host can still be asked.
     *
     * @return false once its connection has broken
     */
    public synchronized boolean isConnected() {
        return lost.isEmpty();
    }

    /** Reads what the host says until it is gone. */
    void listen() {
        try {
            while (true) {
                on(link.receive());
            }
        } catch (IOException e) {
            lose(e.getMessage());
        }
    }

    private void on(HostMessage message) throws IOException {
        switch (message.kind()) {
            case ANSWER -> nextAnswer().complete(message.text());
            case REFUSED -> nextAnswer().completeExceptionally(new IOException(name + ": " + message.text()));
            case EXITED -> rank(message).onExit(Integer.parseInt(message.text()));
            case STACKS -> rank(message).onStacks(message.text());
            case SIGNAL -> onSignal.accept(message.text());
            default -> throw new IOException("it said " + message.kind() + ", which hosts do not say");
        }
    }

    private synchronized CompletableFuture<String> nextAnswer() throws IOException {
        if (answers.isEmpty()) {
            throw new IOException("it answered what it was not asked");
        }
        return answers.remove();
    }

    private RemoteRank rank(HostMessage message) throws IOException {
        RemoteRank rank = ranks.get(message.number());
        if (rank == null) {
            throw new IOException("it told of rank " + message.number() + ", which it has not");
        }
        return rank;
    }

    /** The host is gone, and its ranks with it: they end themselves when it has. */
    void lose(String why) {
        String words = name + " was lost: " + why;
        synchronized (this) {
            if (!lost.isEmpty()) {
                return;
            }
            lost = words;
            answers.forEach(answer -> answer.completeExceptionally(new IOException(words)));
            answers.clear();
        }
        try {
            link.close();
            for (RemoteRank rank : ranks.values()) {
                rank.onHostLost(words);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Says something; a host that is gone has been, or will be, noticed by {@link #listen}. */
    void tell(HostMessage message) {
        try {
            link.send(message);
        } catch (IOException e) {
            lose(e.getMessage());
        }
    }

    private CompletableFuture<String> ask(HostMessage message) {
        CompletableFuture<String> answer = new CompletableFuture<>();
        synchronized (this) {
            if (!lost.isEmpty()) {
                return CompletableFuture.failedFuture(new IOException(lost));
            }
            answers.add(answer);
            // In the order of the answers.
            try {
                link.send(message);
                return answer;
            } catch (IOException e) {
                answer.completeExceptionally(new IOException(name + " was lost: " + e.getMessage(), e));
            }
        }
        lose("the connection broke");
        return answer;
    }

    /**
     * Tells of the run and has the host look for its files.
     *
     * @param run the run's folder, the id of the launch that lies in it, and the data set, a line each
     * @return completed when they are there; fails with an {@link IOException} that says what is not, and what to do
     */
    public CompletableFuture<String> check(String run) {
        return ask(new HostMessage(HostMessage.MessageKind.RUN, 0, run));
    }

    /**
     * Has a media driver started.
     *
     * @param worldSize ranks of the whole run
     * @return its directory there; fails with an {@link IOException}
     */
    public CompletableFuture<String> startDriver(int worldSize) {
        return ask(new HostMessage(HostMessage.MessageKind.DRIVER, worldSize, ""));
    }

    /**
     * Has the media driver used that another host of the same machine has started.
     *
     * @param directory of that driver
     * @return the directory; fails with an {@link IOException} where there is none
     */
    public CompletableFuture<String> shareDriver(String directory) {
        return ask(new HostMessage(HostMessage.MessageKind.SHARE_DRIVER, 0, directory));
    }

    /**
     * Has a rank started.
     *
     * @param rank its number
     * @param variables what it finds in its environment
     * @param log where its output goes
     * @return the process; one that cannot be started has ended with an error in its log
     */
    public RankProcess start(int rank, Map<String, String> variables, RankLog log) {
        RemoteRank process = new RemoteRank(this, rank, log);
        ranks.put(rank, process);
        StringBuilder text = new StringBuilder();
        variables.forEach(
                (name, value) -> text.append(name).append('=').append(value).append('\n'));
        tell(new HostMessage(HostMessage.MessageKind.START, rank, text.toString()));
        String why;
        synchronized (this) {
            why = lost;
        }
        if (!why.isEmpty()) {
            try {
                process.onHostLost(why);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return process;
    }

    /**
     * Has all ranks killed and the media driver ended.
     *
     * @return completed when they are gone; fails with an {@link IOException} when the host is
     */
    public CompletableFuture<String> clear() {
        return ask(new HostMessage(HostMessage.MessageKind.CLOSE, 0, ""));
    }

    /** Lets the host go; what it exits with is told to it. */
    void dismiss(int exitCode) {
        tell(new HostMessage(HostMessage.MessageKind.DONE, exitCode, ""));
    }

    /** Drops the connection, at which the host ends its ranks and itself. */
    @Override
    public void close() {
        lose("the launcher has let it go");
    }
}
