package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.train.dist.transport.Transport;
import java.time.Duration;

/**
 * How ranks reach each other.
 *
 * @param transport between ranks
 * @param timeoutSeconds how long a rank waits for the others in one collective
 * @param hasSecret whether ranks prove to each other that they know a secret; the secret itself is written nowhere
 */
public record ExchangeSetup(Transport transport, int timeoutSeconds, boolean hasSecret) {
    /**
     * Checks the deadline.
     *
     * @throws io.kinema.data.command.ConfigException when it is out of range
     */
    public ExchangeSetup {
        CommandLine.requireRange("--timeout-seconds", timeoutSeconds, 1, 86_400);
    }

    /**
     * Returns how long a rank waits for the others.
     *
     * @return {@code timeoutSeconds}
     */
    public Duration deadline() {
        return Duration.ofSeconds(timeoutSeconds);
    }
}
