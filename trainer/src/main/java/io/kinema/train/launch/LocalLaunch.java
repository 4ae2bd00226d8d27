package io.kinema.train.launch;

import io.kinema.train.dist.process.RankCommand;
import io.kinema.train.dist.process.RankProcesses;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.rank.RankEnvironment;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunDescriptionFile;
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
 * @param run what they train
 * @param file that they read it from
 * @param secret that they prove to know
 */
public record LocalLaunch(RunDescription run, RunDescriptionFile file, Secret secret) implements Launch {
    @Override
    public RunOutcome run(int numRanks, String resumeFrom) throws IOException, InterruptedException {
        Duration deadline = run.settings().exchange().deadline();
        String runId = UUID.randomUUID().toString();
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MediaDriverHost driver = MediaDriverHost.start(numRanks);
                RendezvousServer rendezvous = RendezvousServer.start(anyPort, runId, numRanks, deadline, secret)) {
            List<RankCommand> commands = new ArrayList<>();
            for (int rank = 0; rank < numRanks; rank++) {
                RankEnvironment environment = new RankEnvironment(
                        rank,
                        numRanks,
                        HostPlace.of(rank, numRanks),
                        runId,
                        rendezvous.address(),
                        driver.directory().toString(),
                        ProcessHandle.current().pid(),
                        resumeFrom,
                        file.sha256());
                commands.add(environment.toCommand(file.path()));
            }
            try (RankProcesses ranks =
                    RankProcesses.start(commands, secret, run.folder().logs(), System.out)) {
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
