package io.kinema.train.dist;

import io.kinema.data.ConfigException;
import java.net.Inet6Address;
import java.net.InetAddress;
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

    /**
     * Reads an address as {@link RendezvousServer#address} writes it.
     *
     * @param hostPort host:port
     * @return the address
     * @throws ConfigException when the text is not of that form
     */
    public static InetSocketAddress address(String hostPort) {
        int colon = hostPort.lastIndexOf(':');
        try {
            return new InetSocketAddress(
                    hostPort.substring(0, Math.max(0, colon)), Integer.parseInt(hostPort.substring(colon + 1)));
        } catch (IllegalArgumentException e) {
            throw new ConfigException(
                    "rendezvous address " + hostPort + " is not host:port; take it from the launcher");
        }
    }

    /** Writes what {@link #address} reads; numeric, in brackets where the address is of IP version 6. */
    static String hostPort(InetAddress address, int port) {
        String host = address.getHostAddress();
        return (address instanceof Inet6Address ? "[" + host + "]" : host) + ":" + port;
    }
}
