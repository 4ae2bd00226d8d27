package io.kinema.train.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.diffusion.Objective.Mixture;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DiffusionTest {

    @Test
    void shouldSayWhatIsPredictedAndHowToSampleIt() {
        Objective flow = Objective.named("flow", 3);
        assertEquals(Objective.Prediction.VELOCITY, flow.prediction());
        assertEquals(List.of(SamplingMethod.EULER), flow.samplers());
        for (String name : List.of("ddpm-linear", "ddpm-cosine")) {
            Objective process = Objective.named(name, 1);
            assertEquals(Objective.Prediction.NOISE, process.prediction());
            assertEquals(List.of(SamplingMethod.DDIM, SamplingMethod.DDPM), process.samplers());
        }
    }

    @Test
    void shouldFlowFromTheClipToTheNoise() {
        assertEquals(new Mixture(0, 1, 0, -1, 1), new RectifiedFlow(1).at(0));
        assertEquals(new Mixture(1000, 0, 1, -1, 1), new RectifiedFlow(1).at(1));
    }

    @Test
    void shouldDrawLogitNormalTimes() {
        Objective flow = Objective.named("flow", 1);
        assertEquals(500, flow.draw(0.123, 0).tau(), 1e-9);
        assertEquals(1000 / (1 + Math.exp(-1.5)), flow.draw(0.9, 1.5).tau(), 1e-9);
    }

    @Test
    void shouldShiftTimesTowardsNoise() {
        RectifiedFlow flow = new RectifiedFlow(3);
        assertEquals(0, flow.shifted(0));
        assertEquals(0.75, flow.shifted(0.5), 1e-15);
        assertEquals(1, flow.shifted(1));
        assertEquals(
                1000 / (1 + Math.exp(-(0.4 + Math.log(3)))), flow.draw(0.5, 0.4).tau(), 1e-9);
        assertThrows(ConfigException.class, () -> Objective.named("flow", -1));
    }

    @Test
    void shouldFindTheTimeBelowWhichAShareIsDrawn() {
        for (Objective process : new Objective[] {new RectifiedFlow(3), NoisePrediction.cosine()}) {
            Random random = new Random(1);
            double[] drawn = new double[20_000];
            Arrays.setAll(
                    drawn,
                    _ -> process.draw(random.nextDouble(), random.nextGaussian())
                            .tau());
            for (double share : new double[] {0.03, 0.25, 0.5, 0.9}) {
                double time = process.quantile(share).tau();
                double below = Arrays.stream(drawn).filter(tau -> tau < time).count() / (double) drawn.length;
                assertEquals(share, below, 0.01, process + " at " + share);
            }
        }
        assertEquals(750, new RectifiedFlow(3).quantile(0.5).tau(), 1e-9);
        assertEquals(531, NoisePrediction.linear().quantile(0.5315).tau());
    }

    @Test
    void shouldKeepTheVarianceOfNoisedClips() {
        for (NoisePrediction process : new NoisePrediction[] {NoisePrediction.linear(), NoisePrediction.cosine()}) {
            double previous = 1;
            for (int t = 0; t < NoisePrediction.TIMES; t++) {
                Mixture mixture = process.at(t);
                assertEquals(1, mixture.data() * mixture.data() + mixture.noise() * mixture.noise(), 1e-12);
                assertTrue(process.alphaBar(t) < previous, "alphaBar at " + t);
                previous = process.alphaBar(t);
            }
            assertTrue(process.alphaBar(0) > 0.999 && previous < 1e-4, () -> "from noise to none");
        }
    }

    @Test
    void shouldDrawEveryDiscreteTime() {
        Objective process = Objective.named("ddpm-cosine", 0);
        assertEquals(0, process.draw(0x1p-33, 3).tau());
        assertEquals(999, process.draw(1 - 0x1p-33, 3).tau());
        assertEquals(250, process.draw(0.25, 3).tau());
    }

    @Test
    void shouldNameTheProcessesThatThereAre() {
        ConfigException e = assertThrows(ConfigException.class, () -> Objective.named("ddpm", 0));
        assertTrue(e.getMessage().contains("ddpm-linear"), e.getMessage());
    }
}
