package io.kinema.train.dist.transport;

import io.kinema.data.command.ConfigException;
import java.util.Locale;

/** How frames travel between two ranks. */
public enum Transport {
    /** Shared memory; every rank must be on one host. */
    IPC,
    /** UDP, between ranks of one host too. */
    UDP,
    /** Shared memory between ranks of one host, UDP between hosts. */
    AUTO;

    /**
     * Reads the value of {@code --transport}.
     *
     * @param text {@code ipc}, {@code udp} or {@code auto}, in any case
     * @return the transport
     * @throws ConfigException when the text is none of them
     */
    public static Transport parse(String text) {
        for (Transport transport : values()) {
            if (transport.name().equalsIgnoreCase(text)) {
                return transport;
            }
        }
        throw new ConfigException("--transport " + text + " is unknown; use ipc, udp or auto");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
