package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openjdk.jmh.annotations.Param;

class OperationTableTest {
    @Test
    void shouldSetEachOperationBesideItsBound() {
        PrintStream before = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            assertEquals(
                    0,
                    OperationTable.run(
                            "--operations",
                            "attention256,copy",
                            "--precisions",
                            "fp32",
                            "--device",
                            "nd4j",
                            "--seconds",
                            "0.01"));
        } finally {
            System.setOut(before);
        }
        String text = said.toString(StandardCharsets.UTF_8);
        assertTrue(text.contains("| attention256 | 8 x 256 tokens, 12 heads of 64 |"), text);
        assertTrue(
                text.lines().anyMatch(line -> line.matches("\\| copy \\| 16777216 elements .* GB/s \\| \\d+ \\|")),
                text);
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldRunEveryOperationInEveryPrecision(DType workingType) {
        try (Device device = CpuDevice.open(workingType, 2)) {
            Operations operations = new Operations(device);
            for (String name : operations.names()) {
                try (Device.Scope _ = device.openScope()) {
                    Operation operation = operations.get(name);
                    operation.run();
                    assertTrue(operation.flops() > 0 != operation.bytes() > 0, name);
                }
            }
        }
    }

    @Test
    void shouldTimeTheSameOperationsByJmh() throws Exception {
        Param param = OperationBenchmark.class.getField("operation").getAnnotation(Param.class);
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            assertEquals(new Operations(device).names(), List.of(param.value()));
        }
    }

    @Test
    void shouldCountWhatAdamWReadsAndWrites() {
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            assertEquals(28.0 * (1 << 24), new Operations(device).get("adamw").bytes());
        }
    }
}
