package io.kinema.benchmarks;

import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Kinema's side: how the processes of {@link AllReduceRank} are started. */
final class KinemaRanks {
    static final String NAME = "Kinema";

    private static final Duration JOIN_DEADLINE = Duration.ofMinutes(2);
    /** In a namespace of its own any port is free. */
    private static final int PORT = 29_400;

    private KinemaRanks() {}

    /**
     * Ranks that share the memory of this host; media driver and rendezvous are in this process, as in the launcher of
     * a training.
     */
    static Team onThisHost(int numRanks) throws IOException {
        MediaDriverHost driver = MediaDriverHost.start(numRanks);
        RendezvousServer rendezvous;
        try {
            rendezvous = RendezvousServer.start(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    AllReduceRank.RUN_ID,
                    numRanks,
                    JOIN_DEADLINE,
                    Secret.NONE);
        } catch (IOException e) {
            driver.close();
            throw e;
        }
        List<List<String>> commands = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            commands.add(command(
                    rank, numRanks, rendezvous.address(), driver.directory().toString()));
        }
        return Team.start(NAME, commands, List.of(rendezvous::close, driver::close));
    }

    /** Ranks that have a link between them: each starts a media driver, the first the rendezvous too. */
    static Team over(Link link) throws IOException {
        List<List<String>> commands = new ArrayList<>();
        String rendezvous = link.addresses().getFirst() + ":" + PORT;
        for (int rank = 0; rank < link.numRanks(); rank++) {
            commands.add(link.at(rank, command(rank, link.numRanks(), rendezvous)));
        }
        return Team.start(NAME, commands, List.of());
    }

    /** The same Java with the same flags as this process. */
    private static List<String> command(int rank, int numRanks, String... where) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), AllReduceRank.class.getName()));
        command.addAll(List.of(Integer.toString(rank), Integer.toString(numRanks)));
        command.addAll(List.of(where));
        return command;
    }
}
