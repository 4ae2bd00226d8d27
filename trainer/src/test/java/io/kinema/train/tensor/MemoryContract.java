package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Lifetimes, views and copies. */
interface MemoryContract extends DeviceContract {
    @ParameterizedTest
    @MethodSource("types")
    default void shouldKeepShapesAndValues(DType dtype) {
        try (Device device = open(dtype)) {
            assertEquals(dtype, device.dtype());
            Tensor tensor = device.of(new float[] {1, 2, 3, 4, 5, 6}, 1, 2, 3);
            assertArrayEquals(new int[] {1, 2, 3}, tensor.shape());
            assertEquals(6, tensor.size());
            assertArrayEquals(new double[] {1, 2, 3, 4, 5, 6}, Host.read(device, tensor));
            assertArrayEquals(new double[4], Host.read(device, device.zeros(4)));
            Host.write(device, tensor, 4, -5, -6);
            assertArrayEquals(new double[] {1, 2, 3, 4, -5, -6}, Host.read(device, tensor));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldShareElementsBetweenViewAndWhole(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor whole = device.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 8);
            Tensor part = device.view(whole, 2, 2, 2);
            Tensor partOfPart = device.view(part, 1, 2);
            Tensor start = device.view(part, 0, 2);
            assertArrayEquals(new double[] {3, 4, 5, 6}, Host.read(device, part));
            assertArrayEquals(new double[] {4, 5}, Host.read(device, partOfPart));
            assertArrayEquals(new double[] {3, 4}, Host.read(device, start));
            Host.write(device, partOfPart, 1, 50);
            device.add(start, start);
            assertArrayEquals(new double[] {1, 2, 6, 8, 50, 6, 7, 8}, Host.read(device, whole));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldTakeValuesFromUploadBuffersAndLeaveThemToBeFilledAgain(DType dtype) {
        try (Device device = open(dtype);
                UploadBuffer buffer = device.uploadBuffer(6)) {
            MemorySegment.copy(MemorySegment.ofArray(new float[] {9, 1, 2, 3, 4, 9}), 0, buffer.values(), 0, 24);
            Tensor first = device.of(buffer, 1, 2, 2);
            buffer.awaitFree();
            buffer.values().fill((byte) 0);
            Tensor second = device.of(UploadBuffer.of(new float[] {5, 6}), 0, 2);
            assertArrayEquals(new double[] {1, 2, 3, 4}, Host.read(device, first));
            assertArrayEquals(new double[] {5, 6}, Host.read(device, second));
            assertThrows(IndexOutOfBoundsException.class, () -> device.of(buffer, 3, 2, 2));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldLetAnotherThreadReadAndWriteWhatIsComplete(DType dtype) throws Exception {
        try (Device device = open(dtype)) {
            Tensor sum = device.of(new float[] {1, 2}, 2);
            device.add(sum, sum);
            Completion complete = device.completion(sum);
            double[][] seen = new double[1][];
            Thread other = Thread.ofPlatform().start(() -> {
                complete.await();
                seen[0] = Host.read(device, sum);
                Host.write(device, sum, 1, 7);
            });
            other.join();
            device.add(sum, sum);
            assertArrayEquals(new double[] {2, 4}, seen[0]);
            assertArrayEquals(new double[] {4, 14}, Host.read(device, sum));
        }
    }

    @Test
    default void shouldCountTheElementsOfVectorsByLongs() {
        try (Device device = open(DType.FP32)) {
            long size = 6;
            Tensor vector = device.zeros(size);
            assertArrayEquals(new int[] {6}, vector.shape());
            Tensor matrix = device.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            Tensor part = device.view(matrix, 1, size - 2);
            assertArrayEquals(new int[] {4}, part.shape());
            assertArrayEquals(new double[] {2, 3, 4, 5}, Host.read(device, part));
            for (long wrong : new long[] {0, -1, Long.MIN_VALUE}) {
                assertThrows(IllegalArgumentException.class, () -> device.zeros(wrong));
                assertThrows(IllegalArgumentException.class, () -> device.view(matrix, 0, wrong));
            }
            assertThrows(IllegalArgumentException.class, () -> device.view(matrix, 1, size));
            assertThrows(IllegalArgumentException.class, () -> device.view(matrix, Long.MAX_VALUE, size));
        }
    }

    @Test
    default void shouldRefuseWhatDoesNotFit() {
        try (Device device = open(DType.FP32)) {
            Tensor six = device.zeros(2, 3);
            assertThrows(IllegalArgumentException.class, () -> device.zeros(2, 0));
            assertThrows(IllegalArgumentException.class, () -> device.zeros());
            assertThrows(IllegalArgumentException.class, () -> device.of(new float[5], 2, 3));
            assertThrows(IllegalArgumentException.class, () -> device.view(six, 1, 6));
            assertThrows(IllegalArgumentException.class, () -> device.view(six, -1, 2));
            assertThrows(
                    IllegalArgumentException.class, () -> device.read(six, 5, MemorySegment.ofArray(new float[2])));
            assertThrows(
                    IllegalArgumentException.class, () -> device.write(six, 0, MemorySegment.ofArray(new byte[3])));
        }
    }

    @Test
    default void shouldFreeAScopesTensorsAndKeepTheOthers() {
        try (Device device = open(DType.FP32)) {
            Tensor outside = device.of(new float[] {1, 2}, 2);
            Device.Scope outer = device.openScope();
            Tensor inOuter = device.of(new float[] {3, 4}, 2);
            Device.Scope inner = device.openScope();
            Tensor inInner = device.of(new float[] {5, 6}, 2);
            Tensor view = device.view(inInner, 1, 1);
            device.add(inOuter, inInner);
            assertThrows(IllegalStateException.class, outer::close);
            inner.close();
            inner.close();
            assertThrows(IllegalStateException.class, () -> device.gelu(inInner));
            assertThrows(IllegalStateException.class, () -> Host.read(device, view));
            try (Device.Scope _ = device.openScope()) {
                Host.normal(device, new Random(1), 100);
            }
            assertArrayEquals(new double[] {8, 10}, Host.read(device, inOuter));
            outer.close();
            assertThrows(IllegalStateException.class, () -> device.add(outside, inOuter));
            assertArrayEquals(new double[] {1, 2}, Host.read(device, outside));
        }
    }

    @Test
    default void shouldRefuseTensorsAfterCloseAndOfOtherDevices() {
        Device device = open(DType.FP32);
        Tensor tensor = device.zeros(2);
        device.openScope();
        Tensor scoped = device.zeros(2);
        try (Device other = open(DType.FP32)) {
            assertThrows(IllegalArgumentException.class, () -> other.gelu(tensor));
        }
        device.close();
        device.close();
        assertThrows(IllegalStateException.class, () -> device.zero(tensor));
        assertThrows(IllegalStateException.class, () -> device.zero(scoped));
        assertThrows(IllegalStateException.class, () -> device.zeros(2));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    default void shouldKeepMemoryFlatOverScopesOfVaryingSizes() throws Exception {
        try (Device device = open(DType.FP32)) {
            Random random = new Random(1);
            Tensor weight = Host.normal(device, random, 64, 64);
            Tensor bias = Host.normal(device, random, 64);
            for (int i = 0; i < 300; i++) {
                nestedScopes(device, random, weight, bias);
            }
            long before = nativeBytes();
            for (int i = 0; i < 2000; i++) {
                nestedScopes(device, random, weight, bias);
            }
            // The scopes' results alone come to 2 GiB; the JVM's own share moves by tens of MiB.
            long grown = nativeBytes() - before;
            assertTrue(grown < 200 << 20, "grown by " + (grown >> 20) + " MiB");
        }
    }

    private static void nestedScopes(Device device, Random random, Tensor weight, Tensor bias) {
        try (Device.Scope _ = device.openScope()) {
            Tensor sum = device.zeros(1, 64);
            for (int i = 0; i < 2; i++) {
                try (Device.Scope _ = device.openScope()) {
                    int length = 1 + random.nextInt(800);
                    Segments one = Segments.ofLengths(length);
                    Tensor y = device.gelu(device.linear(device.zeros(length, 64), weight, bias));
                    device.add(sum, device.segmentMean(device.concat(device.split(y, 2)), one));
                }
            }
        }
    }

    /** What the process holds beside the Java heap. */
    private static long nativeBytes() throws IOException, InterruptedException {
        System.gc();
        // Native memory that the collector has released is freed by other threads.
        Thread.sleep(300);
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                long residentBytes = Long.parseLong(line.replaceAll("\\D", "")) << 10;
                return residentBytes - Runtime.getRuntime().totalMemory();
            }
        }
        throw new IllegalStateException("no VmRSS in /proc/self/status");
    }
}
