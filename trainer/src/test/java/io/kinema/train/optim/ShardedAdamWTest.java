package io.kinema.train.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.model.MixedLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ShardedAdamWTest {
    private static final int SIZE = 3 * Device.SHARD_ALIGNMENT;
    private static final AdamWConfig CONFIG = new AdamWConfig(0.9, 0.95, 1e-8, 0.1, 1, 0.9);

    private static float[] normals(int seed) {
        return normals(seed, SIZE);
    }

    private static float[] normals(int seed, int size) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static List<Stretch> alike(long size) {
        return List.of(new Stretch(0, size, ParameterAttributes.DECAYED));
    }

    /** AdamW itself hardly minds a factor on the gradient; its moments do. */
    @Test
    void shouldDivideTheLossScaleOut() {
        List<float[]> results = new ArrayList<>();
        for (float lossScale : new float[] {1, 65_536}) {
            try (Device device = Nd4jDevice.open(DType.FP32)) {
                Tensor weights = device.of(normals(0), SIZE);
                ShardedAdamW optimizer = new ShardedAdamW(device, CONFIG, weights, alike(SIZE));
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
    private record Textbook(double[] p, double[] m, double[] v, double[] average) {
        static Textbook of(double[] start) {
            return new Textbook(start.clone(), new double[start.length], new double[start.length], start.clone());
        }

        void update(List<Stretch> stretches, double[] g, double norm, double learningRate, int count) {
            double decay = Math.min(0.9, (1.0 + count) / (10 + count));
            for (Stretch stretch : stretches) {
                ParameterAttributes attributes = stretch.attributes();
                double rate = learningRate * attributes.rateFactor();
                for (int i = (int) stretch.offset(); attributes.isTrainable() && i < stretch.end(); i++) {
                    double clipped = g[i] * Math.min(1, 1 / norm);
                    m[i] = 0.9 * m[i] + 0.1 * clipped;
                    v[i] = 0.95 * v[i] + 0.05 * clipped * clipped;
                    p[i] -= attributes.decays() ? rate * 0.1 * p[i] : 0;
                    p[i] -= rate
                            * (m[i] / (1 - Math.pow(0.9, count)))
                            / (Math.sqrt(v[i] / (1 - Math.pow(0.95, count))) + 1e-8);
                    average[i] = decay * average[i] + (1 - decay) * p[i];
                }
            }
        }
    }

    @Test
    void shouldFollowTheFormulas() {
        expectFormulas(SIZE, alike(SIZE));
    }

    /** What is not trained stays as it was, and so do its moments and its average. */
    @Test
    void shouldTreatEachParameterByItsAttributes() {
        Group group = MixedLayout.group();
        List<Stretch> stretches = group.stretches(0, group.size());
        assertEquals(5, stretches.size());
        expectFormulas((int) group.size(), stretches);
    }

    private static void expectFormulas(int size, List<Stretch> stretches) {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            Tensor weights = device.of(normals(0, size), size);
            ShardedAdamW optimizer = new ShardedAdamW(device, CONFIG, weights, stretches);
            optimizer.startAverage();
            Textbook expected = Textbook.of(read(device, weights));
            for (int count = 1; count <= 4; count++) {
                Tensor gradient = device.of(normals(count, size), size);
                double norm = count * 0.8;
                double rate = 0.01 / count;
                optimizer.update(gradient, 1, norm, rate, count);
                expected.update(stretches, read(device, gradient), norm, rate, count);
            }
            double[][] found = Stream.concat(Stream.of(weights), Stream.of(optimizer.state()))
                    .map(tensor -> read(device, tensor))
                    .toArray(double[][]::new);
            assertArrayEquals(expected.p, found[0], 1e-12);
            assertArrayEquals(expected.m, found[1], 1e-12);
            assertArrayEquals(expected.v, found[2], 1e-12);
            assertArrayEquals(expected.average, found[3], 1e-12);
            for (Stretch stretch : stretches) {
                for (int i = (int) stretch.offset(); !stretch.attributes().isTrainable() && i < stretch.end(); i++) {
                    assertEquals((double) normals(0, size)[i], found[0][i]);
                    assertEquals(found[0][i], found[3][i]);
                    assertEquals(0, found[1][i]);
                    assertEquals(0, found[2][i]);
                }
            }
        }
    }

    @Test
    void shouldGiveTheSameBitsInShards() {
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            Tensor whole = device.of(normals(0), SIZE);
            Tensor parts = device.of(normals(0), SIZE);
            int cut = Device.SHARD_ALIGNMENT;
            ShardedAdamW one = new ShardedAdamW(device, CONFIG, whole, alike(SIZE));
            ShardedAdamW left = new ShardedAdamW(device, CONFIG, device.view(parts, 0, cut), alike(cut));
            ShardedAdamW right =
                    new ShardedAdamW(device, CONFIG, device.view(parts, cut, SIZE - cut), alike(SIZE - cut));
            new ShardedAdamW(device, CONFIG, device.zeros(1), List.of()).update(whole, 1, 1, 1, 1);
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
            ShardedAdamW one = new ShardedAdamW(device, CONFIG, whole, alike(SIZE));
            ShardedAdamW left = new ShardedAdamW(device, CONFIG, device.view(parts, 0, cut), alike(cut));
            ShardedAdamW right =
                    new ShardedAdamW(device, CONFIG, device.view(parts, cut, SIZE - cut), alike(SIZE - cut));
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

    /** At all cuts of ranks, and at any within them; on cpu kernels' vectors end in other places then. */
    @Test
    void shouldGiveTheSameBitsWhereverAttributesChange() {
        expectSameBits(() -> Nd4jDevice.open(DType.FP32));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldGiveTheSameBitsWhereverAttributesChangeOnTheCpu() {
        expectSameBits(() -> CpuDevice.open(DType.FP32, 2));
        expectSameBits(() -> CpuDevice.open(DType.BF16, 2));
    }

    private static void expectSameBits(Supplier<Device> device) {
        Group group = MixedLayout.group();
        List<byte[]> whole = results(device, List.of(group.stretches(0, group.size())));
        long blocks = group.size() / Device.SHARD_ALIGNMENT;
        for (int ranks = 2; ranks <= blocks; ranks++) {
            List<List<Stretch>> shards = new ArrayList<>();
            for (long rank = 0; rank < ranks; rank++) {
                long from = rank * blocks / ranks * Device.SHARD_ALIGNMENT;
                long to = (rank + 1) * blocks / ranks * Device.SHARD_ALIGNMENT;
                shards.add(group.stretches(from, to - from));
            }
            expectSame(whole, results(device, shards), ranks + " shards");
        }
        List<Stretch> finer = new ArrayList<>();
        Random random = new Random(3);
        for (Stretch stretch : group.stretches(0, group.size())) {
            for (long at = stretch.offset(); at < stretch.end(); ) {
                long size = Math.min(stretch.end() - at, 1 + random.nextInt(40));
                finer.add(new Stretch(at, size, stretch.attributes()));
                at += size;
            }
        }
        expectSame(whole, results(device, List.of(finer)), "finer stretches");
    }

    private static void expectSame(List<byte[]> expected, List<byte[]> found, String what) {
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), found.get(i), what + ", tensor " + i);
        }
    }

    /** Working and master weights, moments and average after three updates, put together from shards. */
    private static List<byte[]> results(Supplier<Device> open, List<List<Stretch>> shards) {
        List<ByteArrayOutputStream> results =
                Stream.generate(ByteArrayOutputStream::new).limit(5).toList();
        try (Device device = open.get()) {
            long from = 0;
            for (List<Stretch> stretches : shards) {
                long size = stretches.getLast().end();
                long first = from;
                Tensor working = device.zeros(device.workingType(), size);
                ShardedAdamW optimizer = new ShardedAdamW(device, CONFIG, working, stretches);
                optimizer.writeMaster(part(0, first, size));
                optimizer.startAverage();
                for (int count = 1; count <= 3; count++) {
                    Tensor gradient = device.zeros(size);
                    device.write(gradient, 0, part(count, first, size));
                    optimizer.update(gradient, 1, 2, 0.01, count);
                }
                List<Tensor> tensors = new ArrayList<>(List.of(working, optimizer.master()));
                tensors.addAll(List.of(optimizer.state()));
                for (int i = 0; i < tensors.size(); i++) {
                    byte[] bytes = new byte
                            [Math.toIntExact(size * tensors.get(i).dtype().bytes())];
                    device.read(tensors.get(i), 0, MemorySegment.ofArray(bytes));
                    results.get(i).writeBytes(bytes);
                }
                from += size;
            }
        }
        return results.stream().map(ByteArrayOutputStream::toByteArray).toList();
    }

    private static MemorySegment part(int seed, long first, long size) {
        int whole = (int) MixedLayout.group().size();
        return MemorySegment.ofArray(normals(seed, whole)).asSlice(first * Float.BYTES, size * Float.BYTES);
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
