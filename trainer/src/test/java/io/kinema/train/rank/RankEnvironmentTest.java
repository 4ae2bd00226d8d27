package io.kinema.train.rank;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.HostPlace;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RankEnvironmentTest {
    private static final RankEnvironment FIFTH =
            new RankEnvironment(5, 8, HostPlace.of(1, 4), "run", "10.0.0.1:4711", "/dev/shm/driver", 77, "", "0f3a");

    @Test
    void shouldReadWhatItHasWritten() {
        assertEquals(FIFTH, RankEnvironment.of(FIFTH.toVariables()));
    }

    @Test
    void shouldNameTheVariableThatIsMissing() {
        Map<String, String> variables = new HashMap<>(FIFTH.toVariables());
        variables.remove("KINEMA_RANKS_ON_HOST");
        ConfigException e = assertThrows(ConfigException.class, () -> RankEnvironment.of(variables));
        assertTrue(e.getMessage().startsWith("KINEMA_RANKS_ON_HOST is not set"), e.getMessage());
    }
}
