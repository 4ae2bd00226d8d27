package io.kinema.train.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.launch.ClusterHost.Reach;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterHostTest {
    @TempDir
    Path root;

    private List<ClusterHost> read(String text) throws IOException {
        return ClusterHost.read(Files.writeString(root.resolve("hosts"), text));
    }

    @Test
    void shouldReadHostsWithSlotsAndComments() throws Exception {
        assertEquals(
                List.of(
                        new ClusterHost("node1.invalid", 4, Reach.SSH),
                        new ClusterHost("me@node2.invalid", 1, Reach.SSH),
                        new ClusterHost("127.0.0.1", 2, Reach.HERE)),
                read("# cluster\n\n node1.invalid   slots=4 # big\r\nme@node2.invalid\n127.0.0.1\tslots=2"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "node slots=0",
                "node slots=-1",
                "node slots=x",
                "node slots = 4",
                "node 4",
                "node slots=4 max_slots=8",
                "-oProxyCommand=reboot",
                "node;reboot",
                "slots=99999999 node"
            })
    void shouldNameTheLineThatIsNotAHost(String line) {
        ConfigException refusal = assertThrows(ConfigException.class, () -> read("good slots=1\n" + line + "\n"));
        assertTrue(refusal.getMessage().contains("hosts line 2: '" + line + "'"), refusal.getMessage());
    }

    @Test
    void shouldRefuseAHostThatIsThereTwiceAndAFileWithoutAny() {
        ConfigException twice = assertThrows(ConfigException.class, () -> read("a slots=1\nb\na slots=2\n"));
        assertTrue(twice.getMessage().contains("line 3: a is there twice"), twice.getMessage());
        ConfigException none = assertThrows(ConfigException.class, () -> read("# none\n\n"));
        assertTrue(none.getMessage().contains("names no host"), none.getMessage());
    }

    @Test
    void shouldReadTheTasksOfASlurmJob() {
        assertEquals(List.of(2, 2, 2, 1), SlurmJob.slots("2(x3),1"));
        assertEquals(List.of(4), SlurmJob.slots("4"));
        assertThrows(ConfigException.class, () -> SlurmJob.slots(""));
        assertThrows(ConfigException.class, () -> SlurmJob.slots("2(3)"));
    }
}
