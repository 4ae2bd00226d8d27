package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Host;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class SpacetimeDitTest {
    private static final DitConfig TINY = new DitConfig(2, 16, 2, 1, 8, 2, new Patch(1, 2, 2));
    private static final Packing PACKING = Packing.of(
            List.of(new Grid(2, 2, 3), new Grid(1, 1, 2)), List.of(CaptionBytes.of("red"), CaptionBytes.none()));
    /** The first clip has a modulation row a frame. */
    private static final Packing FRAMEWISE = PACKING.withModulation(Segments.ofLengths(6, 6, 2));

    private static final double[] TIMES = {120, 840};

    private final SpacetimeDit model = new SpacetimeDit(TINY);
    private final int values = TINY.tokens().values();

    private static float[] normals(Random random, int size, double deviation) {
        float[] result = new float[size];
        for (int i = 0; i < size; i++) {
            result[i] = (float) (deviation * random.nextGaussian());
        }
        return result;
    }

    /** All parameters random: those that start at zero would hide the gradients behind them. */
    private ParameterSet randomWeights(Device device) {
        ParameterSet weights = ParameterSet.weights(device, model.layout());
        Random random = new Random(4);
        for (ParameterLayout.Entry entry : model.layout().entries()) {
            device.add(weights.get(entry), device.of(normals(random, (int) entry.size(), 0.3), entry.shape()));
        }
        return weights;
    }

    private static double[] read(Device device, Tensor tensor) {
        if (device.dtype() == DType.FP32) {
            float[] host = new float[Math.toIntExact(tensor.size())];
            device.read(tensor, 0, MemorySegment.ofArray(host));
            return IntStream.range(0, host.length).mapToDouble(i -> host[i]).toArray();
        }
        double[] host = new double[Math.toIntExact(tensor.size())];
        device.read(tensor, 0, MemorySegment.ofArray(host));
        return host;
    }

    /** A pass and the error that its gradients are of. */
    private record Pass(Packing packing, double[] timeM, float[] xLP, float[] targetLP, float[] weightL) {
        /** Two clips, which share values whatever their modulation rows are. */
        static Pass of(Packing packing, int values, double... timeM) {
            Random random = new Random(5);
            int rows = packing.tokens().total();
            float[] xLP = normals(random, rows * values, 1);
            float[] targetLP = normals(random, rows * values, 1);
            float[] weightL = new float[rows];
            for (int row = 0; row < rows; row++) {
                weightL[row] = row == 3 ? 0 : 0.5f + row % 3;
            }
            return new Pass(packing, timeM, xLP, targetLP, weightL);
        }
    }

    /** The gradients of half the error. */
    private ParameterSet backward(Device device, ParameterSet weights, Pass pass) {
        ParameterSet gradients = ParameterSet.gradients(device, model.layout());
        try (Device.Scope _ = device.openScope()) {
            int rows = pass.weightL.length;
            SpacetimeDit.Forward forward =
                    model.forward(device, weights, device.of(pass.xLP, rows, values), pass.packing, pass.timeM);
            SquaredError error = error(device, forward.outputLP(), pass);
            model.backward(device, new Gradients(weights, gradients), error.dPrediction(), forward.saved());
        }
        return gradients;
    }

    private SquaredError error(Device device, Tensor outputLP, Pass pass) {
        int rows = pass.weightL.length;
        return device.squaredError(
                outputLP,
                device.of(pass.targetLP, rows, values),
                device.of(pass.weightL, rows),
                pass.packing.tokens(),
                0.5);
    }

    @Test
    void shouldHaveTheGradientOfCentralDifferences() {
        checkGradient(Pass.of(PACKING, values, TIMES), this::checkSome);
    }

    @Test
    void shouldHaveTheGradientOfCentralDifferencesWithSeveralModulationRowsAClip() {
        checkGradient(Pass.of(FRAMEWISE, values, 120, 600, 840), this::checkDirection);
    }

    /** Compares the gradient of one parameter with central differences. */
    private interface Check {
        void check(Device device, ParameterLayout.Entry entry, double[] analytic, ParameterSet weights, Pass pass);
    }

    private void checkGradient(Pass pass, Check check) {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            ParameterSet weights = randomWeights(device);
            ParameterSet gradients = backward(device, weights, pass);
            for (ParameterLayout.Entry entry : model.layout().entries()) {
                check.check(device, entry, read(device, gradients.get(entry)), weights, pass);
            }
        }
    }

    private void checkSome(
            Device device, ParameterLayout.Entry entry, double[] analytic, ParameterSet weights, Pass pass) {
        double h = 1e-5;
        Tensor weight = weights.get(entry);
        double[] before = read(device, weight);
        int stride = Math.ceilDiv(before.length, 2);
        double largest = 0;
        for (int i = 0; i < before.length; i += stride) {
            double value = before[i];
            double[] moved = {value + h, value - h};
            double[] losses = new double[2];
            for (int side = 0; side < 2; side++) {
                device.write(weight, i, MemorySegment.ofArray(new double[] {moved[side]}));
                losses[side] = loss(device, weights, pass);
            }
            device.write(weight, i, MemorySegment.ofArray(new double[] {value}));
            double numeric = (losses[0] - losses[1]) / (2 * h);
            largest = Math.max(largest, Math.abs(analytic[i]));
            assertEquals(numeric, analytic[i], 2e-7 * Math.max(1, Math.abs(numeric)), entry.name() + "[" + i + "]");
        }
        boolean isEmbedding = entry.name().equals("caption.embedding");
        assertTrue(isEmbedding || largest > 0, () -> entry.name() + " has no gradient");
    }

    /** Moves all elements of a parameter at the same time, each by as much, up or down. */
    private void checkDirection(
            Device device, ParameterLayout.Entry entry, double[] analytic, ParameterSet weights, Pass pass) {
        Tensor weight = weights.get(entry);
        double[] before = read(device, weight);
        double h = 1e-5 / Math.sqrt(before.length);
        Random random = new Random(before.length);
        double[] signs =
                random.ints(before.length, 0, 2).mapToDouble(i -> 2 * i - 1).toArray();
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
            double step = side == 0 ? h : -h;
            double[] moved = IntStream.range(0, before.length)
                    .mapToDouble(i -> before[i] + step * signs[i])
                    .toArray();
            device.write(weight, 0, MemorySegment.ofArray(moved));
            losses[side] = loss(device, weights, pass);
        }
        device.write(weight, 0, MemorySegment.ofArray(before));
        double numeric = (losses[0] - losses[1]) / (2 * h);
        double expected = IntStream.range(0, before.length)
                .mapToDouble(i -> signs[i] * analytic[i])
                .sum();
        assertEquals(numeric, expected, 1e-6 * Math.max(1, Math.abs(numeric)), entry.name());
        assertTrue(expected != 0, () -> entry.name() + " has no gradient");
    }

    private double loss(Device device, ParameterSet weights, Pass pass) {
        try (Device.Scope _ = device.openScope()) {
            int rows = pass.weightL.length;
            Tensor output = model.forward(device, weights, device.of(pass.xLP, rows, values), pass.packing, pass.timeM)
                    .outputLP();
            return 0.5
                    * Arrays.stream(device.read(error(device, output, pass).sumS()))
                            .sum();
        }
    }

    @Test
    void shouldAgreeBetweenDevicesWithSeveralModulationRowsAClip() {
        Pass pass = Pass.of(FRAMEWISE, values, 120, 600, 840);
        try (Device nd4j = Nd4jDevice.open(DType.FP64);
                Device cpu = CpuDevice.open(DType.FP32, 2)) {
            double[] expected = flat(nd4j, backward(nd4j, randomWeights(nd4j), pass));
            double[] found = flat(cpu, backward(cpu, randomWeights(cpu), pass));
            double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
            assertArrayEquals(expected, found, 1e-5 * largest);
        }
    }

    /** All parameters end to end. */
    private double[] flat(Device device, ParameterSet parameters) {
        return model.layout().entries().stream()
                .flatMapToDouble(entry -> Arrays.stream(read(device, parameters.get(entry))))
                .toArray();
    }

    @Test
    void shouldPredictTheSameWithRowsOfTheSameTime() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            ParameterSet weights = randomWeights(device);
            Tensor x = device.of(normals(new Random(2), 14 * values, 1), 14, values);
            double[] clipwise = read(
                    device, model.forward(device, weights, x, PACKING, TIMES).outputLP());
            double[] framewise = read(
                    device,
                    model.forward(device, weights, x, FRAMEWISE, new double[] {TIMES[0], TIMES[0], TIMES[1]})
                            .outputLP());
            assertArrayEquals(clipwise, framewise, 1e-12);
        }
    }

    @Test
    void shouldRefuseAModulationRowOfTwoClips() {
        for (Segments rows : List.of(Segments.ofLengths(13, 1), Segments.ofLengths(12, 1))) {
            assertThrows(IllegalArgumentException.class, () -> PACKING.withModulation(rows));
        }
    }

    @Test
    void shouldGiveTheSameBitsWhenBlocksAreComputedAgain() {
        List<double[]> kept = gradients(Recompute.NONE);
        List<double[]> again = gradients(Recompute.BLOCKS);
        assertEquals(kept.size(), again.size());
        for (int i = 0; i < kept.size(); i++) {
            assertArrayEquals(
                    kept.get(i), again.get(i), model.layout().entries().get(i).name());
        }
    }

    /** By parameter. */
    private List<double[]> gradients(Recompute recompute) {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            SpacetimeDit same = new SpacetimeDit(TINY, recompute);
            ParameterSet weights = randomWeights(device);
            ParameterSet gradients = ParameterSet.gradients(device, same.layout());
            Tensor x = device.of(normals(new Random(5), 14 * values, 1), 14, values);
            try (Device.Scope _ = device.openScope()) {
                SpacetimeDit.Forward forward = same.forward(device, weights, x, PACKING, TIMES);
                SquaredError error =
                        device.squaredError(forward.outputLP(), x, Host.ones(device, 14), PACKING.tokens(), 0.5);
                same.backward(device, new Gradients(weights, gradients), error.dPrediction(), forward.saved());
            }
            return same.layout().entries().stream()
                    .map(entry -> read(device, gradients.get(entry)))
                    .toList();
        }
    }

    /** Without recomputation a block keeps some twenty times as much as the stream that it takes. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldKeepOneResidualStreamABlockWhenBlocksAreComputedAgain() {
        int tokens = 512;
        for (DType type : new DType[] {DType.FP32, DType.BF16}) {
            long stream = (long) tokens * 64 * Float.BYTES;
            long kept = workspace(Recompute.BLOCKS, type, 9, tokens) - workspace(Recompute.BLOCKS, type, 5, tokens);
            assertTrue(
                    kept >= 4 * stream && kept < 4 * stream + 4096,
                    type + ": " + kept + " bytes, a stream has " + stream);
            long all = workspace(Recompute.NONE, type, 9, tokens) - workspace(Recompute.NONE, type, 5, tokens);
            assertTrue(all > 5 * kept, type + ": " + all + " bytes without, " + kept + " with");
        }
    }

    private static long workspace(Recompute recompute, DType type, int depth, int tokens) {
        try (CpuDevice device = CpuDevice.planning(type, 1)) {
            SpacetimeDit deep = new SpacetimeDit(new DitConfig(depth, 64, 2, 1, 8, 2, TINY.tokens()), recompute);
            ParameterSet weights = ParameterSet.weights(device, deep.layout());
            ParameterSet gradients = ParameterSet.gradients(device, deep.layout());
            Packing packing = Packing.of(List.of(new Grid(1, 1, tokens)), List.of(CaptionBytes.none()));
            try (Device.Scope _ = device.openScope()) {
                Tensor x = device.zeros(tokens, TINY.tokens().values());
                SpacetimeDit.Forward forward = deep.forward(device, weights, x, packing, new double[] {1});
                SquaredError error =
                        device.squaredError(forward.outputLP(), x, Host.ones(device, tokens), packing.tokens(), 1);
                deep.backward(device, new Gradients(weights, gradients), error.dPrediction(), forward.saved());
            }
            return device.footprint().workspacePeakBytes();
        }
    }

    @Test
    void shouldPredictNothingAtTheStart() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            ParameterSet weights = ParameterSet.weights(device, model.layout());
            for (ParameterLayout.Entry entry : model.layout().entries()) {
                device.add(
                        weights.get(entry),
                        device.of(ParameterLayout.initial(1, entry, 0, (int) entry.size()), entry.shape()));
            }
            Tensor x = device.of(normals(new Random(1), PACKING.tokens().total() * values, 1), 14, values);
            Tensor output = model.forward(device, weights, x, PACKING, TIMES).outputLP();
            assertArrayEquals(new double[(int) output.size()], read(device, output));
        }
    }

    @Test
    void shouldPredictEachClipAsIfItWereAlone() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            ParameterSet weights = randomWeights(device);
            float[] rows = normals(new Random(2), 14 * values, 1);
            double[] together = read(
                    device,
                    model.forward(device, weights, device.of(rows, 14, values), PACKING, TIMES)
                            .outputLP());
            float[] last = new float[2 * values];
            System.arraycopy(rows, 12 * values, last, 0, last.length);
            Packing alone = Packing.of(List.of(PACKING.grids().get(1)), List.of(CaptionBytes.none()));
            double[] single = read(
                    device,
                    model.forward(device, weights, device.of(last, 2, values), alone, new double[] {TIMES[1]})
                            .outputLP());
            for (int i = 0; i < single.length; i++) {
                assertEquals(single[i], together[12 * values + i], 1e-12);
            }
        }
    }

    @Test
    void shouldDecayMatricesOfLinearLayersOnly() {
        for (ParameterLayout.Entry entry : model.layout().entries()) {
            boolean isMatrix = entry.shape().length == 2 && !entry.name().equals("caption.embedding");
            assertEquals(new ParameterAttributes(true, isMatrix, 1), entry.attributes(), entry.name());
        }
    }

    @Test
    void shouldHaveTheSizesOfItsPresets() {
        assertEquals(875_488, sizeOf("debug"));
        long small = sizeOf("S");
        assertTrue(small > 33_000_000 && small < 60_000_000, () -> "S has " + small);
        for (String name : List.of("debug", "S", "B")) {
            SpacetimeDit preset = new SpacetimeDit(DitConfig.preset(name));
            assertEquals(0, preset.layout().flatSize() % Device.SHARD_ALIGNMENT);
        }
    }

    private static long sizeOf(String preset) {
        return new SpacetimeDit(DitConfig.preset(preset)).layout().numElements();
    }
}
