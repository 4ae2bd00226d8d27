package io.kinema.train.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.HostPlace;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuKind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What is decided where flags leave it open. */
class DeviceConfigTest {
    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldTakeTheCpuInTheFastestPrecisionItHas() {
        Precision fastest = new CpuKind().bestPrecision();
        assertEquals(new DeviceConfig("cpu", fastest, PROCESSORS), DeviceConfig.resolve("", "", 0, 1));
        assertEquals(new DeviceConfig("cpu", Precision.BF16, 3), DeviceConfig.resolve("cpu", "bf16", 3, 2));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldShareTheProcessorsOutToTheProcesses() {
        assertEquals(1, DeviceConfig.resolve("cpu", "", 0, PROCESSORS).threads());
        assertEquals(1, DeviceConfig.resolve("cpu", "", 0, 3 * PROCESSORS).threads());
    }

    @Test
    void shouldComputeInFp32OnOneThreadOnNd4j() {
        assertEquals(new DeviceConfig("nd4j", Precision.FP32, 1), DeviceConfig.resolve("nd4j", "", 0, 1));
    }

    @Test
    void shouldGiveBackWhatItHasResolved() {
        DeviceConfig first = DeviceConfig.resolve("", "", 0, 1);
        assertEquals(first, DeviceConfig.resolve(first.name(), first.precision().flag(), first.threads(), 1));
    }

    @Test
    void shouldSayWhatDoesNotGoTogether() {
        expectRefused("--device cuda", "cuda", "", 0);
        expectRefused("--precision fp64", "cpu", "fp64", 0);
        expectRefused("--precision fp16 needs half products", "cpu", "fp16", 0);
        expectRefused("--precision fp16 needs half products", "nd4j", "fp16", 0);
        expectRefused("--precision bf16", "nd4j", "bf16", 0);
        expectRefused("--threads 2", "nd4j", "", 2);
        expectRefused("--threads -2", "nd4j", "", -2);
    }

    @Test
    void shouldNameTheKnownDevicesWhenANameIsUnknown() {
        ConfigException e = assertThrows(ConfigException.class, () -> DeviceConfig.resolve("cuda", "", 0, 1));
        assertEquals("--device cuda is not known; use cpu or nd4j", e.getMessage());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldPlanMemoryOnTheCpuOnly() {
        assertTrue(DeviceConfig.resolve("cpu", "", 0, 1).kind().plansMemory());
        DeviceConfig nd4j = DeviceConfig.resolve("nd4j", "", 0, 1);
        assertFalse(nd4j.kind().plansMemory());
        assertThrows(UnsupportedOperationException.class, () -> Devices.plan(nd4j));
    }

    /** More than any machine has: nothing stands behind the addresses. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldTellWhatADeviceWouldHold() {
        try (MeteredDevice device = Devices.plan(DeviceConfig.forEstimates(Precision.FP32))) {
            device.zeros(1 << 30, 1 << 10);
            assertEquals(1L << 42, device.footprint().tensorBytes());
        }
    }

    @Test
    void shouldRefuseAPlaceThatTheHostHasNot() {
        assertEquals(new HostPlace(3, 3, 4), HostPlace.of(3, 4));
        assertThrows(IllegalArgumentException.class, () -> HostPlace.of(4, 4));
    }

    private static void expectRefused(String flag, String device, String precision, int threads) {
        ConfigException e =
                assertThrows(ConfigException.class, () -> DeviceConfig.resolve(device, precision, threads, 1));
        assertTrue(e.getMessage().startsWith(flag) && e.getMessage().contains("use "), e.getMessage());
    }
}
