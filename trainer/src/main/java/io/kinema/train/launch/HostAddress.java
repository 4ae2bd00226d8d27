package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.List;

/** Which address is whose. */
final class HostAddress {
    /** Any: nothing is sent there. */
    private static final int PROBE_PORT = 9;

    private HostAddress() {}

    /** Whether a name is one of this host; not, where nobody knows it (ssh may, by its configuration). */
    static boolean isThisHost(String name) {
        try {
            return isLocal(InetAddress.getByName(name));
        } catch (UnknownHostException e) {
            return false;
        }
    }

    /** Whether a name is one by which a host reaches nothing but itself; not, where nobody knows it. */
    static boolean isLoopback(String name) {
        try {
            return InetAddress.getByName(name).isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false;
        }
    }

    private static boolean isLocal(InetAddress address) {
        try {
            return address.isLoopbackAddress() || NetworkInterface.getByInetAddress(address) != null;
        } catch (SocketException e) {
            return false;
        }
    }

    /**
     * Decides on what address the launcher listens.
     *
     * @param given {@code --address}; empty leaves it to the routes to the hosts
     * @param hosts of the run
     * @throws ConfigException when the address is not this host's, or cannot be found out
     */
    static InetAddress ofLauncher(String given, List<ClusterHost> hosts) {
        if (!given.isEmpty()) {
            return own("--address", given);
        }
        boolean isAlone = true;
        for (ClusterHost host : hosts) {
            String name = host.name().substring(host.name().indexOf('@') + 1);
            if (isThisHost(name)) {
                continue;
            }
            isAlone = false;
            try (DatagramSocket probe = new DatagramSocket()) {
                // Finds the route, and sends nothing.
                probe.connect(new InetSocketAddress(InetAddress.getByName(name), PROBE_PORT));
                return probe.getLocalAddress();
            } catch (IOException unknown) {
                // ssh or srun may know it by a name that is theirs alone; the next host may tell.
                continue;
            }
        }
        if (isAlone) {
            return InetAddress.getLoopbackAddress();
        }
        throw new ConfigException(
                "no host of " + hosts.stream().map(ClusterHost::name).toList()
                        + " has a name that resolves, so this host's address towards them is not known; give it"
                        + " by --address");
    }

    /** An address of this host. */
    static InetAddress own(String what, String name) {
        InetAddress address;
        try {
            address = InetAddress.getByName(name);
        } catch (UnknownHostException e) {
            throw new ConfigException(what + " " + name + " does not resolve; give a name or address of this host", e);
        }
        if (!isLocal(address)) {
            throw new ConfigException(what + " " + name + " (" + address.getHostAddress()
                    + ") is not an address of this host, where the launcher listens; give one that is");
        }
        return address;
    }
}
