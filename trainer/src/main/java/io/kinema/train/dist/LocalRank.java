package io.kinema.train.dist;

import java.io.File;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A rank that this process has started.
 *
 * @param process the child
 * @param log where its output goes
 * @param exit its exit code, once it has ended
 */
record LocalRank(Process process, RankLog log, CompletableFuture<Integer> exit) implements RankProcess {
    /**
     * Starts a rank.
     *
     * @throws IOException when its program cannot be started
     */
    static LocalRank start(RankCommand command, RankLog log) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command.command())
                .redirectErrorStream(true)
                .redirectInput(new File("/dev/null"))
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.path().toFile()));
        builder.environment().putAll(command.environment());
        Process process = builder.start();
        return new LocalRank(process, log, process.onExit().thenApply(Process::exitValue));
    }

    @Override
    public void terminate() {
        process.destroy();
    }

    @Override
    public void kill() {
        process.destroyForcibly();
    }

    @Override
    public CompletableFuture<String> stacks() throws IOException, InterruptedException {
        ThreadDump dump = ThreadDump.request(process, log);
        return CompletableFuture.supplyAsync(() -> {
            try {
                return dump.await();
            } catch (IOException | InterruptedException e) {
                throw new CompletionException(e);
            }
        });
    }
}
