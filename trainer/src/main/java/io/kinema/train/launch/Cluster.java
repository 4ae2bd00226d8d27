package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.run.PlaceFlags;
import io.kinema.train.run.RankCount;
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
 * @param ranks how many there are
 * @param listen where the launcher listens for hosts; port 0 takes a free one
 * @param secret what hosts must know to join
 * @param secretFile where hosts find the secret too, an absolute path; empty where it is in no file
 * @param joinLimit how long hosts may take to join
 */
public record Cluster(
        List<ClusterHost> hosts,
        RankCount ranks,
        InetSocketAddress listen,
        Secret secret,
        String secretFile,
        Duration joinLimit) {
    /** Schedulers fetch images and wait for nodes before they start the last process. */
    static final Duration SCHEDULER_LIMIT = Duration.ofMinutes(10);

    private static final Duration SHELL_LIMIT = Duration.ofMinutes(1);

    /**
     * Finds the hosts that flags and environment name. As many ranks as they have room for train where {@code --nodes}
     * is not given.
     *
     * @param flags of the run
     * @param variables this process's environment
     * @return empty for a run on this host alone
     * @throws ConfigException when they contradict each other
     */
    public static Optional<Cluster> of(PlaceFlags flags, Map<String, String> variables) {
        Optional<TorchVariables> torch = TorchVariables.of(variables);
        requireOne(flags, torch.isPresent());
        if (torch.isPresent()) {
            return Optional.of(ofRanks(torch.get(), flags));
        } else if (flags.slurm()) {
            return Optional.of(reachedFromHere(flags, SlurmJob.hosts(variables)));
        } else if (!flags.hosts().isEmpty()) {
            return Optional.of(reachedFromHere(flags, ClusterHost.read(Path.of(flags.hosts()))));
        }
        return Optional.empty();
    }

    private static void requireOne(PlaceFlags flags, boolean hasRank) {
        List<String> given = new ArrayList<>();
        if (hasRank) {
            given.add("RANK in the environment");
        }
        if (flags.slurm()) {
            given.add("--slurm");
        }
        if (!flags.hosts().isEmpty()) {
            given.add("--hosts");
        }
        if (given.size() > 1) {
            throw new ConfigException(
                    String.join(" and ", given) + " both say where ranks run; unset or leave out all but one");
        }
        if (!flags.address().isEmpty() && (given.isEmpty() || hasRank)) {
            throw new ConfigException("--address " + flags.address() + " is for --hosts and --slurm"
                    + (hasRank ? "; MASTER_ADDR takes its place here" : "") + "; leave it out");
        }
    }

    private static Cluster ofRanks(TorchVariables torch, PlaceFlags flags) {
        List<ClusterHost> hosts = new ArrayList<>();
        for (int rank = 0; rank < torch.worldSize(); rank++) {
            ClusterHost.Reach reach = rank == torch.rank() ? ClusterHost.Reach.HERE : ClusterHost.Reach.ITSELF;
            hosts.add(new ClusterHost("rank " + rank, 1, reach));
        }
        Secret secret = torch.secret(flags.secretFile());
        if (flags.numRanks() != 0 && flags.numRanks() != torch.worldSize()) {
            throw new ConfigException("--nodes " + flags.numRanks() + " is not WORLD_SIZE=" + torch.worldSize()
                    + "; add --nodes " + torch.worldSize());
        }
        return new Cluster(
                hosts,
                new RankCount(torch.worldSize(), torch.localWorldSize()),
                InetSocketAddress.createUnresolved(torch.masterAddress(), torch.masterPort()),
                secret,
                secretFile(flags),
                SCHEDULER_LIMIT);
    }

    private static Cluster reachedFromHere(PlaceFlags flags, List<ClusterHost> hosts) {
        Secret named = SecretFile.ofFlag(flags.secretFile());
        Secret secret = named.isNone() ? Secret.random() : named;
        InetAddress address = HostAddress.ofLauncher(flags.address(), hosts);
        int slots = hosts.stream().mapToInt(ClusterHost::slots).sum();
        int numRanks = flags.numRanks() == 0 ? slots : flags.numRanks();
        if (numRanks > slots) {
            throw new ConfigException("--nodes " + numRanks + " is more than the " + slots + " slots of "
                    + (flags.slurm() ? "the Slurm job" : "--hosts " + flags.hosts())
                    + "; lower --nodes, or give the hosts more slots");
        }
        return new Cluster(
                hosts,
                new RankCount(numRanks, busiest(hosts, numRanks)),
                new InetSocketAddress(address, 0),
                secret,
                secretFile(flags),
                SHELL_LIMIT);
    }

    private static String secretFile(PlaceFlags flags) {
        return flags.namesSecretFile()
                ? Path.of(flags.secretFile()).toAbsolutePath().normalize().toString()
                : "";
    }

    /** How many of the ranks the host has that has most. */
    private static int busiest(List<ClusterHost> hosts, int numRanks) {
        int most = 0;
        int left = numRanks;
        for (ClusterHost host : hosts) {
            most = Math.max(most, Math.min(left, host.slots()));
            left -= Math.min(left, host.slots());
        }
        return most;
    }
}
