package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.run.TrainFlags;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The hosts of a run, as the launcher knows them before it starts anything.
 *
 * @param hosts in the order in which they get ranks
 * @param listen where the launcher listens for them; port 0 takes a free one
 * @param secret what hosts must know to join
 * @param joinLimit how long they may take to join
 */
public record Cluster(List<ClusterHost> hosts, InetSocketAddress listen, Secret secret, Duration joinLimit) {
    /** Schedulers fetch images and wait for nodes before they start the last process. */
    static final Duration SCHEDULER_LIMIT = Duration.ofMinutes(10);

    private static final Duration SHELL_LIMIT = Duration.ofMinutes(1);

    /**
     * Finds the hosts that flags and environment name, and sets {@code --nodes} where it is not given.
     *
     * @param flags of the run
     * @param variables this process's environment
     * @return empty for a run on this host alone
     * @throws ConfigException when they contradict each other
     */
    public static Optional<Cluster> of(TrainFlags flags, Map<String, String> variables) {
        Optional<TorchVariables> torch = TorchVariables.of(variables);
        requireOne(flags, torch.isPresent());
        Optional<Cluster> cluster;
        if (torch.isPresent()) {
            cluster = Optional.of(ofRanks(torch.get(), torch.get().secret(flags.secretFile)));
        } else if (flags.slurm) {
            cluster = Optional.of(reachedFromHere(flags, SlurmJob.hosts(variables)));
        } else if (!flags.hosts.isEmpty()) {
            cluster = Optional.of(reachedFromHere(flags, ClusterHost.read(Path.of(flags.hosts))));
        } else {
            cluster = Optional.empty();
        }
        int slots = cluster.map(Cluster::slots).orElse(1);
        if (flags.nodes == 0) {
            flags.nodes = slots;
        }
        if (torch.isPresent() && flags.nodes != slots) {
            throw new ConfigException(
                    "--nodes " + flags.nodes + " is not WORLD_SIZE=" + slots + "; add --nodes " + slots);
        }
        if (cluster.isPresent() && flags.nodes > slots) {
            throw new ConfigException("--nodes " + flags.nodes + " is more than the " + slots + " slots of "
                    + (flags.slurm ? "the Slurm job" : "--hosts " + flags.hosts)
                    + "; lower --nodes, or give the hosts more slots");
        }
        flags.nodesOfAHost = torch.map(TorchVariables::localWorldSize)
                .orElseGet(
                        () -> cluster.map(found -> found.busiest(flags.nodes)).orElse(flags.nodes));
        return cluster;
    }

    private static void requireOne(TrainFlags flags, boolean hasRank) {
        List<String> given = new ArrayList<>();
        if (hasRank) {
            given.add("RANK in the environment");
        }
        if (flags.slurm) {
            given.add("--slurm");
        }
        if (!flags.hosts.isEmpty()) {
            given.add("--hosts");
        }
        if (given.size() > 1) {
            throw new ConfigException(
                    String.join(" and ", given) + " both say where ranks run; unset or leave out all but one");
        }
        if (!flags.address.isEmpty() && (given.isEmpty() || hasRank)) {
            throw new ConfigException("--address " + flags.address + " is for --hosts and --slurm"
                    + (hasRank ? "; MASTER_ADDR takes its place here" : "") + "; leave it out");
        }
    }

    private static Cluster ofRanks(TorchVariables torch, Secret secret) {
        List<ClusterHost> hosts = new ArrayList<>();
        for (int rank = 0; rank < torch.worldSize(); rank++) {
            ClusterHost.Reach reach = rank == torch.rank() ? ClusterHost.Reach.HERE : ClusterHost.Reach.ITSELF;
            hosts.add(new ClusterHost("rank " + rank, 1, reach));
        }
        InetSocketAddress listen = InetSocketAddress.createUnresolved(torch.masterAddress(), torch.masterPort());
        return new Cluster(hosts, listen, secret, SCHEDULER_LIMIT);
    }

    private static Cluster reachedFromHere(TrainFlags flags, List<ClusterHost> hosts) {
        Secret named = SecretFile.ofFlag(flags.secretFile);
        Secret secret = named.isNone() ? Secret.random() : named;
        InetAddress address = HostAddress.ofLauncher(flags.address, hosts);
        return new Cluster(hosts, new InetSocketAddress(address, 0), secret, SHELL_LIMIT);
    }

    private int slots() {
        return hosts.stream().mapToInt(ClusterHost::slots).sum();
    }

    /** How many of the ranks the host has that has most. */
    private int busiest(int nodes) {
        int most = 0;
        int left = nodes;
        for (ClusterHost host : hosts) {
            most = Math.max(most, Math.min(left, host.slots()));
            left -= Math.min(left, host.slots());
        }
        return most;
    }
}
