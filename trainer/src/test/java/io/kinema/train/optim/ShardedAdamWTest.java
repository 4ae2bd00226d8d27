package io.kinema.train.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ShardedAdamWTest {
    private static final int SIZE = 3 * Device.SHARD_ALIGNMENT;
    private static final AdamWConfig CONFIG = new AdamWConfig(0.9, 0.95, 1e-8, 0.1, 1, 0.9);

    private static float[] normals(int seed) {
        Random random = new Random(seed);
        float[] values = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** AdamW itself hardly minds a factor on the gradient; its moments do. */
    @Test
    void shouldDivideTheLossScaleOut() {
        List<float[]> results = new ArrayList<>();
        for (float lossScale : new float[] {1, 65_536}) {
            try (Device device = Nd4jDevice.open(DType.FP32)) {
                Tensor weights = device.of(normals(0), SIZE);
                ShardedAdamW optimizer = new ShardedAdamW(device, CONFIG, weights, SIZE);
                float[] scaled = normals(1);
                for (int i = 0; i < SIZE; i++) {
                    scaled[i] *= lossScale;
                }
                optimizer.update(device.of(scaled, SIZE), lossScale, 2, 0.01, 1);
                for (Tensor result :
                        List.of(weights, optimizer.state()[0], optimizer.state()[1])) {
                    float[] values = new float[SIZE];
                    device.read(result, 0, MemorySegment.ofArray(values));
                    results.add(values);
                }
            }
        }
        for (int i = 0; i < 3; i++) {
            assertArrayEquals(results.get(i), results.get(3 + i), "weights or moment " + i);
        }
    }

    /** The textbook, in float64. */
    @Test
    void shouldFollowTheFormulas() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            Tensor weights = device.of(normals(0), SIZE);
            ShardedAdamW optimizer = new ShardedAdamW(device, CONFIG, weights, SIZE);
            optimizer.startAverage();
            double[] p = read(device, weights);
            double[] m = new double[SIZE];
            double[] v = new double[SIZE];
            double[] average = p.clone();
            for (int count = 1; count <= 4; count++) {
                Tensor gradient = device.of(normals(count), SIZE);
                double[] g = read(device, gradient);
                double norm = count * 0.8;
                double rate = 0.01 / count;
                optimizer.update(gradient, 1, norm, rate, count);
                double decay = Math.min(0.9, (1.0 + count) / (10 + count));
                for (int i = 0; i < SIZE; i++) {
                    double clipped = g[i] * Math.min(1, 1 / norm);
                    m[i] = 0.9 * m[i] + 0.1 * clipped;
                    v[i] = 0.95 * v[i] + 0.05 * clipped * clipped;
                    p[i] -= rate * 0.1 * p[i];
                    p[i] -= rate
                            * (m[i] / (1 - Math.pow(0.9, count)))
                            / (Math.sqrt(v[i] / (1 - Math.pow(0.95, count))) + 1e-8);
                    average[i] = decay * average[i] + (1 - decay) * p[i];
                }
            }
            assertArrayEquals(p, read(device, weights), 1e-12);
            assertArrayEquals(average, read(device, optimizer.state()[2]), 1e-12);
        }
    }

    @Test
    void shouldGiveTheSameBitsInShards() {
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            Tensor whole = device.of(normals(0), SIZE);
            Tensor parts = device.of(normals(0), SIZE);
            int cut = Device.SHARD_ALIGNMENT;
            ShardedAdamW one = new ShardedAdamW(device, CONFIG, whole, SIZE);
            ShardedAdamW left = new ShardedAdamW(device, CONFIG, device.view(parts, 0, cut), cut);
            ShardedAdamW right = new ShardedAdamW(device, CONFIG, device.view(parts, cut, SIZE - cut), SIZE - cut);
            new ShardedAdamW(device, CONFIG, device.zeros(1), 0).update(whole, 1, 1, 1, 1);
            for (int count = 1; count <= 3; count++) {
                Tensor gradient = device.of(normals(count), SIZE);
                one.update(gradient, 1, 2, 0.01, count);
                left.update(device.view(gradient, 0, cut), 1, 2, 0.01, count);
                right.update(device.view(gradient, cut, SIZE - cut), 1, 2, 0.01, count);
            }
            float[] expected = new float[SIZE];
            float[] found = new float[SIZE];
            device.read(whole, 0, MemorySegment.ofArray(expected));
            device.read(parts, 0, MemorySegment.ofArray(found));
            for (int i = 0; i < SIZE; i++) {
                assertEquals(Float.floatToIntBits(expected[i]), Float.floatToIntBits(found[i]), "element " + i);
            }
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldKeepMasterWeightsBesideNarrowWorkingWeights() {
        try (Device device = CpuDevice.open(DType.BF16, 1)) {
            Tensor whole = device.zeros(DType.BF16, SIZE);
            Tensor parts = device.zeros(DType.BF16, SIZE);
            int cut = Device.SHARD_ALIGNMENT;
            MemorySegment start = MemorySegment.ofArray(normals(0));
            ShardedAdamW one = new ShardedAdamW(device, CONFIG, whole, SIZE);
            ShardedAdamW left = new ShardedAdamW(device, CONFIG, device.view(parts, 0, cut), cut);
            ShardedAdamW right = new ShardedAdamW(device, CONFIG, device.view(parts, cut, SIZE - cut), SIZE - cut);
            one.writeMaster(start);
            left.writeMaster(start.asSlice(0, (long) cut * Float.BYTES));
            right.writeMaster(start.asSlice((long) cut * Float.BYTES));
            for (ShardedAdamW optimizer : List.of(one, left, right)) {
                optimizer.startAverage();
            }
            for (int count = 1; count <= 3; count++) {
                Tensor gradient = device.of(normals(count), SIZE);
                one.update(gradient, 1, 2, 1e-4, count);
                left.update(device.view(gradient, 0, cut), 1, 2, 1e-4, count);
                right.update(device.view(gradient, cut, SIZE - cut), 1, 2, 1e-4, count);
            }
            Tensor rounded = device.zeros(DType.BF16, SIZE);
            device.copy(rounded, one.master());
            assertArrayEquals(readBf16(device, rounded), readBf16(device, whole));
            assertArrayEquals(readBf16(device, whole), readBf16(device, parts));
            float[] master = new float[SIZE];
            device.read(one.master(), 0, MemorySegment.ofArray(master));
            int finer = 0;
            for (float value : master) {
                finer += (Float.floatToIntBits(value) & 0xFFFF) != 0 ? 1 : 0;
            }
            assertTrue(finer > SIZE / 2, "the master weights are as coarse as the working weights");
        }
    }

    private static short[] readBf16(Device device, Tensor tensor) {
        short[] host = new short[Math.toIntExact(tensor.size())];
        device.read(tensor, 0, MemorySegment.ofArray(host));
        return host;
    }

    private static double[] read(Device device, Tensor tensor) {
        double[] host = new double[Math.toIntExact(tensor.size())];
        device.read(tensor, 0, MemorySegment.ofArray(host));
        return host;
    }
}
