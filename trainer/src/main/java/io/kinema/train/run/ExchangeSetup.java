package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.train.dist.transport.Transport;
import java.time.Duration;

/**
 * How ranks reach each other.
 *
 * @param transport between ranks
 * @param timeoutSeconds how long a rank waits for the others in one collective
 * @param storageTimeoutSeconds how long all ranks wait for one whose storage is slow, or full
 * @param hasSecret whether ranks prove to each other that they know a secret; the secret itself is written nowhere
 */
public record ExchangeSetup(Transport transport, int timeoutSeconds, int storageTimeoutSeconds, boolean hasSecret) {
    /**
     * Checks the deadlines.
     *
     * @throws io.kinema.data.command.ConfigException when one is out of range
     */
    public ExchangeSetup {
        CommandLine.requireRange("--timeout-seconds", timeoutSeconds, 1, 86_400);
        CommandLine.requireRange("--storage-timeout-seconds", storageTimeoutSeconds, 1, 604_800);
    }

    /**
     * Returns how long a rank waits for the others.
     *
     * @return {@code timeoutSeconds}
     */
    public Duration deadline() {
        return Duration.ofSeconds(timeoutSeconds);
    }

    /**
     * Returns how long all ranks wait for storage.
     *
     * @return {@code storageTimeoutSeconds}
     */
    public Duration storageLimit() {
        return Duration.ofSeconds(storageTimeoutSeconds);
    }
}
