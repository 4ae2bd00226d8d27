package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The debug model against {@code peers/golden.py}, an independent implementation of docs/numerics.md in PyTorch. */
class GoldenValuesTest {
    private static final int SAMPLES = 64;

    /** Both sides compute in float64; tables of angles are rounded to float32 here. */
    private static final double FP64_TOLERANCE = 2e-6;

    private static final double FP32_TOLERANCE = 2e-4;

    private final SpacetimeDit model = new SpacetimeDit(DitConfig.preset("debug"));
    private final Golden golden = Golden.load();

    @Test
    void shouldAgreeWithPyTorchInFloat64() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            checkFlow(device, FP64_TOLERANCE);
            checkNoisePrediction(device, FP64_TOLERANCE);
        }
    }

    @Test
    void shouldAgreeWithPyTorchInFloat32() {
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            checkFlow(device, FP32_TOLERANCE);
            checkNoisePrediction(device, FP32_TOLERANCE);
        }
    }

    private void checkFlow(Device device, double tolerance) {
        ParameterSet weights = Formulas.weights(device, model);
        ParameterSet gradients = ParameterSet.gradients(device, model.layout());
        Microbatch batch = Formulas.microbatch(model.config().tokens(), Objective.named("flow", 1));
        long values = batch.numValues(model.config().tokens());
        try (Device.Scope _ = device.openScope()) {
            Tensor xLP = device.of(
                    golden.floats("x_t"),
                    batch.packing().tokens().total(),
                    model.config().tokens().values());
            double[] timeM = batch.mixtures().tauM();
            Tensor output =
                    model.forward(device, weights, xLP, batch.packing(), timeM).outputLP();
            assertClose("output", golden.values("output"), read(device, output), tolerance);

            double[] errors = device.read(new DiffusionLoss(model, device)
                    .forwardBackward(new Gradients(weights, gradients), batch, 1.0 / values));
            assertClose("squared_error", golden.values("squared_error"), errors, tolerance);
            double loss = Arrays.stream(errors).sum() / values;
            assertEquals(golden.values("loss")[0], loss, tolerance);
        }
        for (ParameterLayout.Entry entry : model.layout().entries()) {
            checkGradient(entry.name(), read(device, gradients.get(entry)), tolerance);
        }
    }

    private void checkGradient(String name, double[] gradient, double tolerance) {
        String key = "grad/" + name;
        if (golden.has(key)) {
            assertClose(key, golden.values(key), gradient, tolerance);
            return;
        }
        double[] samples = new double[SAMPLES];
        double square = 0;
        double projection = 0;
        for (int i = 0; i < gradient.length; i++) {
            square += gradient[i] * gradient[i];
            projection += gradient[i] * Math.sin(0.37 * i);
        }
        for (int k = 0; k < SAMPLES; k++) {
            samples[k] = gradient[k * (gradient.length / SAMPLES)];
        }
        double norm = golden.values(key + "/norm")[0];
        assertEquals(norm, Math.sqrt(square), tolerance * norm, key);
        assertEquals(golden.values(key + "/projection")[0], projection, tolerance * norm, key);
        assertClose(key, golden.values(key + "/samples"), samples, tolerance);
    }

    private void checkNoisePrediction(Device device, double tolerance) {
        ParameterSet weights = Formulas.weights(device, model);
        for (String name : new String[] {"ddpm-linear", "ddpm-cosine"}) {
            Microbatch batch = Formulas.microbatch(model.config().tokens(), Objective.named(name, 1));
            try (Device.Scope _ = device.openScope()) {
                double loss = Arrays.stream(device.read(new DiffusionLoss(model, device).forward(weights, batch)))
                                .sum()
                        / batch.numValues(model.config().tokens());
                assertEquals(golden.values("loss/" + name)[0], loss, tolerance, name);
            }
        }
    }

    @Test
    void shouldHaveTheNoiseSchedulesOfPyTorch() {
        double[] times = golden.values("alpha_bar/times");
        for (int i = 0; i < times.length; i++) {
            double linear = NoisePrediction.linear().alphaBar((int) times[i]);
            double cosine = NoisePrediction.cosine().alphaBar((int) times[i]);
            assertEquals(1, linear / golden.values("alpha_bar/linear")[i], 1e-12);
            assertEquals(1, cosine / golden.values("alpha_bar/cosine")[i], 1e-12);
        }
    }

    /** Compares relative to the largest value. */
    private static void assertClose(String what, double[] expected, double[] found, double tolerance) {
        assertEquals(expected.length, found.length, what);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertTrue(largest > 0, what);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], found[i], tolerance * largest, what + " at " + i);
        }
    }

    private static double[] read(Device device, Tensor tensor) {
        byte[] bytes = new byte[Math.toIntExact(tensor.size() * device.dtype().bytes())];
        device.read(tensor, 0, MemorySegment.ofArray(bytes));
        return Golden.decode(device.dtype() == DType.FP64 ? "F64" : "F32", MemorySegment.ofArray(bytes));
    }

    /** A reader of the golden file, which holds types that checkpoints do not. */
    private record Golden(JsonNode header, MemorySegment data) {
        static Golden load() {
            try (InputStream in = GoldenValuesTest.class.getResourceAsStream("/golden/debug.safetensors")) {
                ByteBuffer all = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
                int headerBytes = Math.toIntExact(all.getLong());
                String json = new String(all.array(), Long.BYTES, headerBytes, StandardCharsets.UTF_8);
                return new Golden(
                        new ObjectMapper().readTree(json),
                        MemorySegment.ofArray(all.array()).asSlice(Long.BYTES + headerBytes));
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        boolean has(String name) {
            return header.has(name);
        }

        double[] values(String name) {
            JsonNode entry = header.path(name);
            assertTrue(entry.isObject(), () -> "no golden values " + name);
            long begin = entry.path("data_offsets").get(0).asLong();
            long end = entry.path("data_offsets").get(1).asLong();
            return decode(entry.path("dtype").asText(), data.asSlice(begin, end - begin));
        }

        float[] floats(String name) {
            double[] values = values(name);
            float[] floats = new float[values.length];
            for (int i = 0; i < values.length; i++) {
                floats[i] = (float) values[i];
            }
            return floats;
        }

        static double[] decode(String dtype, MemorySegment bytes) {
            int elementBytes = dtype.equals("F32") ? Float.BYTES : Double.BYTES;
            double[] values = new double[Math.toIntExact(bytes.byteSize() / elementBytes)];
            for (int i = 0; i < values.length; i++) {
                long at = (long) i * elementBytes;
                values[i] = switch (dtype) {
                    case "F32" -> bytes.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
                    case "F64" -> bytes.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, at);
                    case "I64" -> bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
                    default -> throw new IllegalStateException(dtype);
                };
            }
            return values;
        }
    }
}
