package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** The address of a rendezvous as text, host:port, by which the launcher tells ranks and hosts where to join. */
public final class RendezvousAddress {
    private RendezvousAddress() {}

    /**
     * Reads an address as {@link RendezvousServer#address} writes it.
     *
     * @param hostPort host:port
     * @return the address
     * @throws ConfigException when the text is not of that form
     */
    public static InetSocketAddress parse(String hostPort) {
        int colon = hostPort.lastIndexOf(':');
        try {
            return new InetSocketAddress(
                    hostPort.substring(0, Math.max(0, colon)), Integer.parseInt(hostPort.substring(colon + 1)));
        } catch (IllegalArgumentException e) {
            throw new ConfigException(
                    "rendezvous address " + hostPort + " is not host:port; take it from the launcher");
        }
    }

    /**
     * Writes what {@link #parse} reads; numeric, in brackets where the address is of IP version 6.
     *
     * @param address of the host
     * @param port of the listener
     * @return host:port
     */
    public static String text(InetAddress address, int port) {
        String host = address.getHostAddress();
        return (address instanceof Inet6Address ? "[" + host + "]" : host) + ":" + port;
    }
}
