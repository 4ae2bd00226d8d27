package io.kinema.train.launch;

import io.kinema.train.dist.process.RankCommand;
import io.kinema.train.dist.process.RankProcesses;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.rank.RankEnvironment;
import io.kinema.train.run.RunFolder;
import io.kinema.train.tensor.HostPlace;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * All ranks on this host.
 *
 * @param folder of the run
 * @param deadline how long ranks wait for each other
 * @param secret that they prove to know
 */
public record LocalLaunch(RunFolder folder, Duration deadline, Secret secret) implements Launch {
    @Override
    public RunOutcome run(int nodes, String resumeFrom) throws IOException, InterruptedException {
        String runId = UUID.randomUUID().toString();
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MediaDriverHost driver = MediaDriverHost.start(nodes);
                RendezvousServer rendezvous = RendezvousServer.start(anyPort, runId, nodes, deadline, secret)) {
            List<RankCommand> commands = new ArrayList<>();
            for (int rank = 0; rank < nodes; rank++) {
                RankEnvironment environment = new RankEnvironment(
                        rank,
                        nodes,
                        HostPlace.of(rank, nodes),
                        runId,
                        rendezvous.address(),
                        driver.directory().toString(),
                        ProcessHandle.current().pid(),
                        resumeFrom);
                commands.add(environment.toCommand(folder.args()));
            }
            try (RankProcesses ranks = RankProcesses.start(commands, secret, folder.logs(), System.out)) {
                return ranks.await(STOP_LIMIT);
            }
        }
    }

    @Override
    public void finish(int exitCode) {
        // Nobody else takes part.
    }

    @Override
    public void close() {
        // Each run has closed what it opened.
    }
}
