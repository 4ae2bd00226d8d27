package io.kinema.train.launch;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.HostAgent;
import io.kinema.train.dist.process.RankCommand;
import io.kinema.train.dist.process.TerminationSignals;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.rank.RankEnvironment;
import io.kinema.train.run.RunDescriptionFile;
import io.kinema.train.run.RunFolder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The launcher's part on one of a run's hosts: starts the ranks that it is told to start. It ends with its launcher.
 */
public final class Host {
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(30);

    /** Begins a line that names a file of this host with the secret. */
    static final String SECRET_FILE = "@";

    private static final String NOT_BY_HAND = "this program is for launch/train.sh --hosts to start; run that";

    private Host() {}

    /**
     * Serves the launcher that has started this program over ssh or srun. The first line of standard input is the
     * secret in hexadecimal digits, or {@link #SECRET_FILE} and a path; the end of the input is the end of the
     * connection.
     *
     * @param args address and port of the launcher, and this host's index
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            String line = in.readLine();
            if (args.length != 3 || line == null) {
                throw new ConfigException(NOT_BY_HAND);
            }
            HostAgent.Identity identity = new HostAgent.Identity(number(args[2]), 0, secret(line));
            try (HostAgent agent = HostAgent.join(args[0], number(args[1]), identity, JOIN_LIMIT, new Ranks())) {
                Thread.ofPlatform().daemon().name("host-connection").start(() -> closeAtEnd(in, agent));
                return serve(agent);
            }
        }));
    }

    private static Secret secret(String line) {
        if (line.startsWith(SECRET_FILE)) {
            return SecretFile.read(Path.of(line.substring(SECRET_FILE.length())));
        }
        try {
            return Secret.ofHex(line);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(NOT_BY_HAND, e);
        }
    }

    private static int number(String argument) {
        try {
            return Integer.parseInt(argument);
        } catch (NumberFormatException e) {
            throw new ConfigException(NOT_BY_HAND, e);
        }
    }

    private static void closeAtEnd(BufferedReader in, HostAgent agent) {
        try (agent) {
            while (in.readLine() != null) {
                continue;
            }
        } catch (IOException e) {
            // The connection has ended all the same.
            return;
        }
    }

    /**
     * Takes part in a run whose rank 0, the launcher, a scheduler has started elsewhere.
     *
     * @param torch the scheduler's variables
     * @param secret of the run
     * @return the exit code of this process
     * @throws IOException when a file or a connection fails
     * @throws InterruptedException when this thread is told to end
     */
    public static int join(TorchVariables torch, Secret secret) throws IOException, InterruptedException {
        HostAgent.Identity identity = new HostAgent.Identity(torch.rank(), torch.localRank(), secret);
        String master = torch.masterAddress();
        System.out.println("rank " + torch.rank() + " of " + torch.worldSize() + " joins rank 0 at " + master + ":"
                + torch.masterPort());
        try (HostAgent agent =
                HostAgent.join(master, torch.masterPort(), identity, Cluster.SCHEDULER_LIMIT, new Ranks())) {
            return serve(agent);
        }
    }

    private static int serve(HostAgent agent) throws IOException {
        AtomicInteger signals = new AtomicInteger();
        try (TerminationSignals _ = TerminationSignals.install(name -> {
            if (signals.getAndIncrement() == 0) {
                agent.onSignal(name);
            } else {
                // The ranks do not outlive this process.
                System.exit(ExitCode.TERMINATE.number());
            }
        })) {
            return agent.serve();
        }
    }

    /** The ranks of a training. */
    static final class Ranks implements HostAgent.Work {
        private static final Duration VISIBLE_LIMIT = Duration.ofSeconds(10);
        private static final long POLL_NANOS = 200_000_000;

        private Path description = Path.of("");

        @Override
        public Path check(String run) {
            List<String> lines = run.lines().toList();
            RunFolder folder = new RunFolder(Path.of(lines.get(0)));
            RunDescriptionFile file = new RunDescriptionFile(folder.description(), lines.get(3));
            description = file.path();
            long endNanos = System.nanoTime() + VISIBLE_LIMIT.toNanos();
            if (!awaitTrue(() -> folder.hasLaunch(lines.get(1)), endNanos)) {
                throw new ConfigException("--run " + folder.path()
                        + " is not the launcher's folder of that name; choose one on a file system that all hosts"
                        + " share");
            }
            String data = lines.get(2);
            if (!data.contains("://") && !Files.isDirectory(Path.of(data))) {
                throw new ConfigException(
                        "--data " + data + " is not there; choose a folder on a file system that all hosts share");
            }
            // If in vain, the ranks say so: they refuse a file that was changed.
            awaitTrue(file::isAsWritten, endNanos);
            return folder.logs();
        }

        /** A shared file system may show a file late. */
        private static boolean awaitTrue(BooleanSupplier condition, long endNanos) {
            boolean isTrue = condition.getAsBoolean();
            while (!isTrue && System.nanoTime() < endNanos) {
                LockSupport.parkNanos(POLL_NANOS);
                isTrue = condition.getAsBoolean();
            }
            return isTrue;
        }

        @Override
        public RankCommand command(Map<String, String> variables) {
            return RankEnvironment.of(variables).startedHere().toCommand(description);
        }
    }
}
