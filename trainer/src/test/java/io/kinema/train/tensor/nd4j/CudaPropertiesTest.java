package io.kinema.train.tensor.nd4j;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CudaPropertiesTest {
    private static final CudaProperties T4 = new CudaProperties(12040, "Tesla T4", 7, 5);

    @ParameterizedTest
    @CsvSource({
        "11040, Tesla K80, 3, 7",
        "11000, Tesla P100-PCIE-16GB, 6, 0",
        "12040, Tesla T4, 7, 5",
        "11060, NVIDIA A100-SXM4-80GB, 8, 0",
        "12020, NVIDIA GeForce RTX 4090, 8, 9"
    })
    void shouldServeKeplerToAda(int driverCuda, String name, int major, int minor) {
        assertDoesNotThrow(
                () -> CudaProperties.requireServed(List.of(new CudaProperties(driverCuda, name, major, minor))));
    }

    @ParameterizedTest
    @CsvSource({
        "10020, GeForce GTX 680, 3, 0",
        "11040, Tesla K40m, 3, 5",
        "12040, NVIDIA H200, 9, 0",
        "12080, NVIDIA B200, 10, 0",
        "12080, NVIDIA GeForce RTX 5090, 12, 0"
    })
    void shouldRefuseCardsWithoutMachineCode(int driverCuda, String name, int major, int minor) {
        String message = refusal(List.of(T4, new CudaProperties(driverCuda, name, major, minor)));
        assertTrue(message.contains(name + " of compute capability " + major + "." + minor), message);
        assertTrue(message.contains("3.7 to 8.9") && message.contains("CUDA_VISIBLE_DEVICES"), message);
        assertTrue(message.contains("without -Pcuda"), message);
    }

    @Test
    void shouldRefuseDriverOlderThanCuda11() {
        String message = refusal(List.of(new CudaProperties(10020, "Tesla T4", 7, 5)));
        assertTrue(message.contains("Tesla T4") && message.contains("driver for CUDA 10.2"), message);
        assertTrue(message.contains("450.80.02") && message.contains("update the driver"), message);
    }

    @Test
    void shouldRefuseWhenThereIsNoCard() {
        String message = refusal(List.of());
        assertTrue(message.contains("the driver shows none") && message.contains("without -Pcuda"), message);
    }

    @Test
    void shouldNameTheLibraryWhenThereIsNoDriver() {
        String message = assertThrows(ConfigException.class, () -> CudaDriver.cards("libno-such-driver.so.1"))
                .getMessage();
        assertTrue(message.contains("libno-such-driver.so.1 is not installed"), message);
        assertTrue(message.contains("3.7 to 8.9") && message.contains("without -Pcuda"), message);
    }

    @Test
    void shouldAskForPascalWhereProductsAreHalf() {
        assertDoesNotThrow(() -> CudaProperties.requireHalfProducts(
                List.of(T4, new CudaProperties(11000, "Tesla P100-PCIE-16GB", 6, 0))));
        CudaProperties maxwell = new CudaProperties(11040, "Tesla M40", 5, 2);
        String message = assertThrows(
                        ConfigException.class, () -> CudaProperties.requireHalfProducts(List.of(T4, maxwell)))
                .getMessage();
        assertTrue(message.contains("Tesla M40 of compute capability 5.2") && message.contains("6.0"), message);
        assertTrue(message.contains("--precision fp32"), message);
    }

    private static String refusal(List<CudaProperties> cards) {
        String message = assertThrows(ConfigException.class, () -> CudaProperties.requireServed(cards))
                .getMessage();
        assertEquals(1, message.lines().count());
        return message;
    }
}
