package io.kinema.train.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.SamplingMethod;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final float OUTPUT = 0.5f;

    private final SpacetimeDit model = new SpacetimeDit(new DitConfig(1, 16, 2, 1, 8, 2, new Patch(2, 2, 2)));
    private Device device;

    @BeforeEach
    void open() {
        device = Nd4jDevice.open(DType.FP32);
    }

    @AfterEach
    void close() {
        device.close();
    }

    /** A network that says {@link #OUTPUT} to everything: all weights are zero but the last bias. */
    private Sampler constant(String diffusion) {
        ParameterSet weights = ParameterSet.weights(device, model.layout());
        ParameterLayout.Entry bias = model.layout().entries().getLast();
        assertEquals("final.linear.bias", bias.name());
        float[] values = new float[Math.toIntExact(bias.size())];
        Arrays.fill(values, OUTPUT);
        device.add(weights.get(bias), device.of(values, values.length));
        return new Sampler(model, Objective.named(diffusion, 1), device, weights);
    }

    private static Sampler.Request request(SamplingMethod method, int steps, long seed) {
        return new Sampler.Request("a red circle", 2, 4, 6, steps, 3, seed, method);
    }

    /** One patch deep, tokens row by row; what follows is in the order of tokens. */
    private static float[] startingNoise(long seed) {
        float[] noise = new float[2 * 4 * 6 * 3];
        new Philox(seed).normals(Philox.Purpose.SAMPLE_START, 0, 0, noise, 0, noise.length);
        return noise;
    }

    private static int toByte(double value) {
        return Math.clamp(Math.round((value + 1) * 127.5), 0, 255);
    }

    @Test
    void shouldIntegrateAConstantVelocityExactly() {
        byte[] frames = constant("flow").sample(request(SamplingMethod.EULER, 8, 3), _ -> {});
        float[] noise = startingNoise(3);
        // The first pixels of the first token and of the whole video are the same.
        for (int channel = 0; channel < 6; channel++) {
            assertEquals(toByte(noise[channel] - OUTPUT), frames[channel] & 0xFF, 1);
        }
    }

    @Test
    void shouldRemoveTheNoiseThatIsPredicted() {
        byte[] frames = constant("ddpm-linear").sample(request(SamplingMethod.DDIM, 1, 3), _ -> {});
        double bar = NoisePrediction.linear().alphaBar(999);
        float[] noise = startingNoise(3);
        for (int channel = 0; channel < 6; channel++) {
            double clean = (noise[channel] - Math.sqrt(1 - bar) * OUTPUT) / Math.sqrt(bar);
            assertEquals(toByte(clean), frames[channel] & 0xFF);
        }
    }

    @Test
    void shouldGiveTheSameBytesForASeedAndOthersForAnother() {
        for (String diffusion : new String[] {"flow", "ddpm-linear", "ddpm-cosine"}) {
            for (SamplingMethod method : diffusion.equals("flow")
                    ? new SamplingMethod[] {SamplingMethod.EULER}
                    : new SamplingMethod[] {SamplingMethod.DDIM, SamplingMethod.DDPM}) {
                byte[] first = constant(diffusion).sample(request(method, 5, 1), _ -> {});
                assertArrayEquals(first, constant(diffusion).sample(request(method, 5, 1), _ -> {}));
                assertFalse(Arrays.equals(first, constant(diffusion).sample(request(method, 5, 2), _ -> {})));
            }
        }
    }

    @Test
    void shouldReportEveryStep() {
        int[] last = {0};
        constant("ddpm-cosine").sample(request(SamplingMethod.DDPM, 4, 1), step -> assertEquals(++last[0], step));
        assertEquals(4, last[0]);
    }

    @Test
    void shouldRefuseAMethodThatDoesNotFitTheModel() {
        ConfigException flow = assertThrows(
                ConfigException.class, () -> constant("flow").sample(request(SamplingMethod.DDIM, 2, 1), _ -> {}));
        assertTrue(flow.getMessage().contains("--sampler ddim")
                && flow.getMessage().contains("euler"));
        assertThrows(
                ConfigException.class,
                () -> constant("ddpm-linear").sample(request(SamplingMethod.EULER, 2, 1), _ -> {}));
    }
}
