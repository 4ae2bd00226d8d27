package io.kinema.train.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.UploadBuffer;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DiffusionLossTest {
    private static final SpacetimeDit MODEL = new SpacetimeDit(new DitConfig(1, 16, 2, 1, 8, 2, new Patch(1, 2, 2)));
    private static final Packing PACKING = Packing.of(
            List.of(new Grid(1, 2, 2), new Grid(1, 1, 3)), List.of(CaptionBytes.of("red"), CaptionBytes.none()));
    private static final float[] ONES = {1, 1, 1, 1, 1, 1, 1};
    private static final float[] UNEQUAL = {0, 0.5f, 2, 1, 0.25f, 0, 3};

    private static float[] normals(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.3 * random.nextGaussian());
        }
        return values;
    }

    private static Microbatch batch(float[] weightL) {
        Random random = new Random(1);
        int count = PACKING.tokens().total() * MODEL.config().tokens().values();
        RectifiedFlow flow = new RectifiedFlow(1);
        return new Microbatch(
                List.of("video", "image"),
                PACKING,
                UploadBuffer.of(normals(random, count)),
                UploadBuffer.of(normals(random, count)),
                UploadBuffer.of(weightL),
                Mixtures.of(List.of(flow.at(0.3), flow.at(0.8))));
    }

    private static ParameterSet weights(Device device) {
        ParameterSet weights = ParameterSet.weights(device, MODEL.layout());
        Random random = new Random(2);
        for (Entry entry : MODEL.layout().entries()) {
            device.add(weights.get(entry), device.of(normals(random, Math.toIntExact(entry.size())), entry.shape()));
        }
        return weights;
    }

    private static double[] errors(Device device, float[] weightL) {
        return device.read(new DiffusionLoss(MODEL, device).forward(weights(device), batch(weightL)));
    }

    @Test
    void shouldWeighTheErrorOfEachToken() {
        float[] others = new float[ONES.length];
        for (int i = 0; i < others.length; i++) {
            others[i] = 1 - UNEQUAL[i];
        }
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            double[] all = errors(device, ONES);
            double[] some = errors(device, UNEQUAL);
            double[] rest = errors(device, others);
            for (int s = 0; s < all.length; s++) {
                assertEquals(all[s], some[s] + rest[s], 1e-9 * all[s]);
                assertTrue(Math.abs(all[s] - some[s]) > 0.01 * all[s], "no weight counts");
            }
            assertArrayEquals(new double[2], errors(device, new float[ONES.length]));
        }
    }

    /** Finite differences on the nd4j device, whose gradient the cpu device's has to be near. */
    @Test
    void shouldHaveTheGradientOfTheWeightedError() {
        Entry last = MODEL.layout().entries().getLast();
        try (Device nd4j = Nd4jDevice.open(DType.FP64);
                Device cpu = CpuDevice.open(DType.FP32, 2)) {
            double[] expected = new double[Math.toIntExact(last.size())];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = (moved(nd4j, last, i, 1e-5) - moved(nd4j, last, i, -1e-5)) / 2e-5;
            }
            assertArrayEquals(expected, gradient(nd4j, last), 1e-6);
            assertArrayEquals(expected, gradient(cpu, last), 1e-4);
        }
    }

    /** A third of the weighted error with one element of a parameter moved. */
    private static double moved(Device device, Entry entry, int element, double by) {
        try (Device.Scope _ = device.openScope()) {
            ParameterSet weights = weights(device);
            double[] step = new double[Math.toIntExact(entry.size())];
            step[element] = by;
            device.add(weights.get(entry), tensor(device, step));
            double[] errors = device.read(new DiffusionLoss(MODEL, device).forward(weights, batch(UNEQUAL)));
            return Arrays.stream(errors).sum() / 3;
        }
    }

    private static Tensor tensor(Device device, double[] values) {
        Tensor tensor = device.zeros(values.length);
        device.write(tensor, 0, MemorySegment.ofArray(values));
        return tensor;
    }

    private static double[] gradient(Device device, Entry entry) {
        try (Device.Scope _ = device.openScope()) {
            ParameterSet sums = ParameterSet.gradients(device, MODEL.layout());
            new DiffusionLoss(MODEL, device)
                    .forwardBackward(new Gradients(weights(device), sums), batch(UNEQUAL), 1.0 / 3);
            double[] gradient = new double[Math.toIntExact(entry.size())];
            if (device.dtype() == DType.FP64) {
                device.read(sums.get(entry), 0, MemorySegment.ofArray(gradient));
            } else {
                float[] narrow = new float[gradient.length];
                device.read(sums.get(entry), 0, MemorySegment.ofArray(narrow));
                Arrays.setAll(gradient, i -> narrow[i]);
            }
            return gradient;
        }
    }
}
