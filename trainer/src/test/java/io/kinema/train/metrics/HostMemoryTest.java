package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class HostMemoryTest {
    @TempDir
    private Path root;

    private void write(String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }

    private OptionalLong available() throws IOException {
        return new HostMemory(root).availableBytes();
    }

    @Test
    void shouldTakeWhatTheHostHasAvailable() throws IOException {
        assertEquals(OptionalLong.empty(), available());
        write("proc/meminfo", "MemTotal:       2000 kB\nMemFree:         10 kB\nMemAvailable:   1000 kB\n");
        assertEquals(OptionalLong.of(1_024_000), available());
    }

    @Test
    void shouldHeedTheLimitsOfAllControlGroupsAround() throws IOException {
        write("proc/meminfo", "MemAvailable:   1000000 kB\n");
        write("proc/self/cgroup", "1:name=systemd:/x\n0::/outer/inner\n");
        write("sys/fs/cgroup/outer/memory.max", "900000\n");
        write("sys/fs/cgroup/outer/memory.current", "500000\n");
        write("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 100000\nactive_file 7\n");
        write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
        write("sys/fs/cgroup/outer/inner/memory.current", "500000\n");
        assertEquals(OptionalLong.of(500_000), available());
        write("sys/fs/cgroup/outer/inner/memory.max", "400000\n");
        assertEquals(OptionalLong.of(0), available());
    }

    @Test
    void shouldHeedTheLimitOfVersionOne() throws IOException {
        write("proc/meminfo", "MemAvailable:   1000000 kB\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "900000\n");
        write("sys/fs/cgroup/memory/memory.usage_in_bytes", "300000\n");
        assertEquals(OptionalLong.of(600_000), available());
        write("proc/self/cgroup", "4:memory:/pods/one\n3:cpu:/\n");
        write("sys/fs/cgroup/memory/pods/one/memory.limit_in_bytes", "500000\n");
        write("sys/fs/cgroup/memory/pods/one/memory.usage_in_bytes", "300000\n");
        assertEquals(OptionalLong.of(200_000), available());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldSayWhatThisProcessHas() throws IOException {
        HostMemory host = HostMemory.ofThisHost();
        long resident = host.residentBytes();
        long peak = host.peakResidentBytes();
        assertTrue(resident > 10_000_000 && peak >= resident, "resident " + resident + ", peak " + peak);
        assertTrue(host.availableBytes().orElseThrow() > 0);
    }
}
