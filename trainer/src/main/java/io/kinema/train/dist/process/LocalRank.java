package io.kinema.train.dist.process;

import io.kinema.train.dist.rendezvous.Secret;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
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
     * Starts a rank. Its standard input is the secret in hexadecimal digits and a line feed, and empty where there is
     * none: other processes of the host can read arguments, and some see environments, but not a pipe.
     *
     * @throws IOException when its program cannot be started
     */
    static LocalRank start(RankCommand command, Secret secret, RankLog log) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command.command())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.path().toFile()));
        if (secret.isNone()) {
            builder.redirectInput(new File("/dev/null"));
        }
        builder.environment().putAll(command.environment());
        Process process = builder.start();
        if (!secret.isNone()) {
            tell(process, secret);
        }
        return new LocalRank(process, log, process.onExit().thenApply(Process::exitValue));
    }

    private static void tell(Process process, Secret secret) {
        try (OutputStream in = process.getOutputStream()) {
            in.write((secret.toHex() + "\n").getBytes(StandardCharsets.US_ASCII));
        } catch (IOException ended) {
            // Its exit code and its log say why.
            return;
        }
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
