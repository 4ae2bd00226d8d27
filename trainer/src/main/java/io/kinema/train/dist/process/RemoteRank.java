package io.kinema.train.dist.process;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A rank that another host has started for this launcher. */
final class RemoteRank implements RankProcess {
    /** More than a host needs for its ranks' stacks. */
    private static final long STACKS_SECONDS = 15;

    private final RemoteHost host;
    private final int rank;
    private final RankLog log;
    private final CompletableFuture<Integer> exit = new CompletableFuture<>();
    private final CompletableFuture<String> stacks = new CompletableFuture<>();

    RemoteRank(RemoteHost host, int rank, RankLog log) {
        this.host = host;
        this.rank = rank;
        this.log = log;
    }

    @Override
    public RankLog log() {
        return log;
    }

    @Override
    public CompletableFuture<Integer> exit() {
        return exit;
    }

    @Override
    public void terminate() {
        tell(HostMessage.MessageKind.TERMINATE);
    }

    @Override
    public void kill() {
        tell(HostMessage.MessageKind.KILL);
    }

    private void tell(HostMessage.MessageKind kind) {
        if (!exit.isDone()) {
            host.tell(new HostMessage(kind, rank, ""));
        }
    }

    @Override
    public CompletableFuture<String> stacks() {
        tell(HostMessage.MessageKind.STACKS);
        return stacks.completeOnTimeout(host.name() + " did not answer\n", STACKS_SECONDS, TimeUnit.SECONDS);
    }

    void onStacks(String text) {
        stacks.complete(host.name() + ", " + text);
    }

    void onExit(int code) {
        exit.complete(code);
    }

    /** Nobody knows what became of the process; it ends itself when its host has lost the launcher. */
    void onHostLost(String why) throws IOException {
        if (!exit.isDone()) {
            log.note(RankLog.ERROR + why);
            exit.complete(ExitCode.HOST_LOST.number());
        }
    }
}
