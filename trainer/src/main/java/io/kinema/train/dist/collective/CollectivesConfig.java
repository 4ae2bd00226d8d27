package io.kinema.train.dist.collective;

import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Where a rank finds the others and how long it waits for them.
 *
 * @param rendezvous address of the {@link RendezvousServer}
 * @param driverDirectory directory of this host's {@link MediaDriverHost}
 * @param transport how frames travel
 * @param joinDeadline how long to look for the launcher and the other ranks
 * @param collectiveDeadline how long one collective may take, the wait for slower ranks included
 * @param secret of the run: what is proved at the rendezvous, and tags frames
 */
public record CollectivesConfig(
        InetSocketAddress rendezvous,
        Path driverDirectory,
        Transport transport,
        Duration joinDeadline,
        Duration collectiveDeadline,
        Secret secret) {
    /** How long a rank waits for others by default. */
    public static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(60);
}
