package io.kinema.train.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class SlurmJobTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** A pipe holds 64 KiB: whoever reads one after the other would wait for ever. */
    @Test
    void shouldReadAProgramThatWarnsMoreThanAPipeHolds() {
        String script = "head -c 300000 /dev/zero >&2; echo node1";
        assertEquals("node1\n", SlurmJob.output(LIMIT, "sh", "-c", script));
    }

    @Test
    void shouldNotWaitForAProgramThatHangs() {
        ConfigException e =
                assertThrows(ConfigException.class, () -> SlurmJob.output(Duration.ofMillis(100), "sleep", "30"));
        assertTrue(e.getMessage().startsWith("sleep 30 has not answered for "), e.getMessage());
    }

    @Test
    void shouldSayWhatAProgramThatFailsSays() {
        ConfigException e = assertThrows(
                ConfigException.class, () -> SlurmJob.output(LIMIT, "sh", "-c", "echo no controller >&2; exit 3"));
        assertTrue(e.getMessage().contains("exited with code 3: no controller; "), e.getMessage());
    }
}
