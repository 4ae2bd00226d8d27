package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.process.HostAgent;
import io.kinema.train.dist.process.HostServer;
import io.kinema.train.dist.process.RankLog;
import io.kinema.train.dist.process.RankProcess;
import io.kinema.train.dist.process.RankProcesses;
import io.kinema.train.dist.process.RemoteHost;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.rank.RankEnvironment;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunDescriptionFile;
import io.kinema.train.run.RunFiles;
import io.kinema.train.tensor.HostPlace;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Ranks on the hosts of a cluster. Hosts join once, and again when they were lost; each start of the ranks gets media
 * drivers and a rendezvous of its own.
 */
public final class ClusterLaunch implements Launch {
    private static final Duration LEAST_PATIENCE = Duration.ofSeconds(30);
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long ANSWER_MS = 20_000;
    private static final Duration DISMISS_LIMIT = Duration.ofSeconds(10);

    private final Cluster cluster;
    private final RunDescription run;
    private final RunDescriptionFile file;
    private final Duration deadline;
    /** What hosts look for before they start ranks, see {@link Host.Ranks#check}. */
    private final String sought;

    private final InetAddress address;
    private final HostServer server;
    /** Indices of the hosts; those that did not come when they were needed are last. */
    private final List<Integer> order = new ArrayList<>();

    private final Map<Integer, RemoteShell> shells = new HashMap<>();
    private boolean hasRun;
    private int exitCode = 1;
    // Guarded by this.
    private Optional<RankProcesses> running = Optional.empty();
    private String stopped = "";

    /**
     * Listens for the hosts.
     *
     * @param cluster the hosts
     * @param run what they train
     * @param file that ranks read it from
     * @param warnings takes what went wrong on a host without ending the run
     * @throws IOException when a file or a connection fails
     */
    public ClusterLaunch(Cluster cluster, RunDescription run, RunDescriptionFile file, Consumer<String> warnings)
            throws IOException {
        this.cluster = cluster;
        this.run = run;
        this.file = file;
        deadline = run.settings().exchange().deadline();
        RunFiles files = run.files();
        sought = String.join("\n", files.folder(), run.folder().markLaunch(), files.data(), file.sha256());
        InetSocketAddress listen = cluster.listen();
        address = listen.isUnresolved() ? HostAddress.own("MASTER_ADDR", listen.getHostString()) : listen.getAddress();
        List<String> names = cluster.hosts().stream().map(ClusterHost::inWords).toList();
        server = HostServer.start(
                new InetSocketAddress(address, listen.getPort()),
                cluster.secret(),
                names,
                patience(),
                this::stop,
                warnings);
        for (int i = 0; i < names.size(); i++) {
            order.add(i);
        }
    }

    /** A busy host, or one that is paused, may be silent for a while. */
    private Duration patience() {
        return deadline.compareTo(LEAST_PATIENCE) < 0 ? LEAST_PATIENCE : deadline;
    }

    private synchronized void stop(String signal) {
        stopped = signal;
        running.ifPresent(ranks -> ranks.stop(signal));
    }

    @Override
    public RunOutcome run(int numRanks, String resumeFrom) throws IOException, InterruptedException {
        Map<Integer, Integer> placement = placement(numRanks);
        Map<Integer, RemoteHost> hosts;
        Map<Integer, String> drivers;
        try {
            hosts = join(placement);
            drivers = prepareOrTell(hosts, numRanks);
        } catch (IOException e) {
            if (!hasRun) {
                throw new ConfigException(e.getMessage(), e);
            }
            return new RunOutcome.HostMissing(e.getMessage());
        }
        hasRun = true;
        String runId = UUID.randomUUID().toString();
        InetSocketAddress anyPort = new InetSocketAddress(address, 0);
        // Hosts that a launch has started prove to know its secret all the same.
        Secret secret = run.settings().exchange().hasSecret() ? cluster.secret() : Secret.NONE;
        try (RendezvousServer rendezvous = RendezvousServer.start(anyPort, runId, numRanks, deadline, secret)) {
            List<RankProcess> processes = new ArrayList<>();
            for (Map.Entry<Integer, Integer> placed : inOrder(placement)) {
                for (int i = 0; i < placed.getValue(); i++) {
                    int rank = processes.size();
                    RankEnvironment environment = new RankEnvironment(
                            rank,
                            numRanks,
                            place(hosts, placement, placed.getKey(), i),
                            runId,
                            rendezvous.address(),
                            drivers.get(placed.getKey()),
                            0,
                            resumeFrom,
                            file.sha256());
                    RankLog log = RankLog.begin(run.folder().logs(), rank);
                    processes.add(hosts.get(placed.getKey()).start(rank, environment.toVariables(), log));
                }
            }
            return await(processes);
        } finally {
            clear(hosts);
        }
    }

    /**
     * Where the i-th rank of an agent stands on its machine: torchrun has an agent for each rank, and numbers those of
     * a machine one after the other.
     */
    private static HostPlace place(Map<Integer, RemoteHost> hosts, Map<Integer, Integer> placement, int index, int i) {
        int rank = hosts.get(index).localRank() + i;
        int ranks = placement.keySet().stream()
                .filter(other -> other - hosts.get(other).localRank()
                        == index - hosts.get(index).localRank())
                .mapToInt(placement::get)
                .sum();
        return HostPlace.of(rank, Math.max(ranks, rank + 1));
    }

    /** {@link #prepare}, with what ssh and srun say of hosts that are lost meanwhile. */
    private Map<Integer, String> prepareOrTell(Map<Integer, RemoteHost> hosts, int numRanks)
            throws IOException, InterruptedException {
        try {
            return prepare(hosts, numRanks);
        } catch (IOException e) {
            StringBuilder words = new StringBuilder(e.getMessage());
            for (int index : hosts.keySet()) {
                RemoteShell shell = shells.get(index);
                if (shell != null && !server.isConnected(index) && shell.hasEnded()) {
                    words.append("; ").append(shell.end());
                }
            }
            throw new IOException(words.toString(), e);
        }
    }

    private RunOutcome await(List<RankProcess> processes) throws IOException, InterruptedException {
        try (RankProcesses ranks = RankProcesses.of(processes, System.out)) {
            synchronized (this) {
                running = Optional.of(ranks);
                if (!stopped.isEmpty()) {
                    ranks.stop(stopped);
                }
            }
            return ranks.await(STOP_LIMIT);
        } finally {
            synchronized (this) {
                running = Optional.empty();
            }
        }
    }

    /** How many ranks each host gets, by its index; those that get none are left out. */
    private Map<Integer, Integer> placement(int numRanks) {
        Map<Integer, Integer> placement = new TreeMap<>();
        int left = numRanks;
        for (int index : order) {
            int ranks = Math.min(left, cluster.hosts().get(index).slots());
            if (ranks > 0) {
                placement.put(index, ranks);
            }
            left -= ranks;
        }
        return placement;
    }

    private List<Map.Entry<Integer, Integer>> inOrder(Map<Integer, Integer> placement) {
        return order.stream()
                .filter(placement::containsKey)
                .map(index -> Map.entry(index, placement.get(index)))
                .toList();
    }

    private Map<Integer, RemoteHost> join(Map<Integer, Integer> placement) throws IOException, InterruptedException {
        for (int index : placement.keySet()) {
            if (!server.isConnected(index)) {
                start(index);
            }
        }
        long endNanos = System.nanoTime() + cluster.joinLimit().toNanos();
        Map<Integer, RemoteHost> hosts = new TreeMap<>();
        for (int index : placement.keySet()) {
            while (!server.isConnected(index)) {
                RemoteShell shell = shells.get(index);
                boolean hasEnded = shell != null && !shell.isAlive();
                if (hasEnded || System.nanoTime() > endNanos) {
                    // Others come first from now on.
                    order.remove((Integer) index);
                    order.add(index);
                    throw new IOException(cluster.hosts().get(index).inWords() + ": "
                            + (hasEnded
                                    ? shell.end()
                                    : "did not join at " + server.address() + " within "
                                            + cluster.joinLimit().toSeconds()
                                            + " s; check that it reaches this address"));
                }
                Thread.sleep(POLL);
            }
            hosts.put(index, server.host(index));
        }
        return hosts;
    }

    private void start(int index) throws IOException {
        ClusterHost host = cluster.hosts().get(index);
        RemoteShell before = shells.remove(index);
        if (before != null) {
            before.close();
        }
        switch (host.reach()) {
            case HERE ->
                Thread.ofPlatform().daemon().name("launch-host-" + index).start(() -> serveHere(index));
            case SSH, SRUN ->
                shells.put(
                        index,
                        RemoteShell.start(
                                host,
                                index,
                                server.address(),
                                secretLine(host),
                                () -> server.lose(index, "its connection was closed")));
            case ITSELF -> System.out.println("waiting for " + host.name() + " to join at " + server.address());
        }
    }

    /**
     * What a host is told of the secret: ssh encrypts it; srun may not, so that hosts read a file themselves where
     * there is one.
     */
    private String secretLine(ClusterHost host) {
        boolean readsFile = !cluster.secretFile().isEmpty() && host.reach() == ClusterHost.Reach.SRUN;
        return readsFile
                ? Host.SECRET_FILE + cluster.secretFile()
                : cluster.secret().toHex();
    }

    private void serveHere(int index) {
        HostAgent.Identity identity = new HostAgent.Identity(index, 0, cluster.secret());
        InetSocketAddress launcher = server.socketAddress();
        try (HostAgent agent = HostAgent.join(
                launcher.getHostString(), launcher.getPort(), identity, cluster.joinLimit(), new Host.Ranks())) {
            agent.serve();
        } catch (IOException gone) {
            // The launcher's own end of the connection tells it.
            return;
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody knows this thread", e);
        }
    }

    /** Looks for the run's files on every host, and starts their media drivers: the drivers' directories, by host. */
    private Map<Integer, String> prepare(Map<Integer, RemoteHost> hosts, int numRanks)
            throws IOException, InterruptedException {
        awaitAll(hosts.values().stream().map(host -> host.check(sought)).toList());
        Map<Integer, CompletableFuture<String>> drivers = new TreeMap<>();
        hosts.forEach((index, host) -> {
            if (host.localRank() == 0) {
                drivers.put(index, host.startDriver(numRanks));
            }
        });
        awaitAll(List.copyOf(drivers.values()));
        List<CompletableFuture<String>> shared = new ArrayList<>();
        for (Map.Entry<Integer, RemoteHost> each : hosts.entrySet()) {
            int before = each.getValue().localRank();
            if (before > 0) {
                CompletableFuture<String> driver = drivers.get(each.getKey() - before);
                if (driver == null) {
                    throw new IOException(each.getValue().name() + " has LOCAL_RANK=" + before
                            + ", but the rank that is so many before it has not LOCAL_RANK=0; number the ranks of a"
                            + " host one after the other");
                }
                drivers.put(each.getKey(), each.getValue().shareDriver(driver.join()));
                shared.add(drivers.get(each.getKey()));
            }
        }
        awaitAll(shared);
        Map<Integer, String> directories = new TreeMap<>();
        drivers.forEach((index, driver) -> directories.put(index, driver.join()));
        return directories;
    }

    private void awaitAll(List<CompletableFuture<String>> answers) throws IOException, InterruptedException {
        for (CompletableFuture<String> answer : answers) {
            try {
                answer.get(deadline.toMillis() + ANSWER_MS, TimeUnit.MILLISECONDS);
            } catch (ExecutionException e) {
                throw e.getCause() instanceof IOException known ? known : new IOException(e.getCause());
            } catch (TimeoutException e) {
                throw new IOException(
                        "a host did not answer within " + (deadline.toMillis() + ANSWER_MS) / 1000
                                + " s; raise --timeout-seconds",
                        e);
            }
        }
    }

    /** What a host leaves undone here it does before its next start, or when it is let go. */
    private void clear(Map<Integer, RemoteHost> hosts) throws InterruptedException {
        for (CompletableFuture<String> cleared :
                hosts.values().stream().map(RemoteHost::clear).toList()) {
            try {
                cleared.get(ANSWER_MS, TimeUnit.MILLISECONDS);
            } catch (ExecutionException | TimeoutException lost) {
                continue;
            }
        }
    }

    @Override
    public void finish(int code) {
        exitCode = code;
    }

    @Override
    public void close() throws IOException {
        try (server) {
            server.dismiss(exitCode, DISMISS_LIMIT);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (RemoteShell shell : shells.values()) {
            shell.close();
        }
    }
}
