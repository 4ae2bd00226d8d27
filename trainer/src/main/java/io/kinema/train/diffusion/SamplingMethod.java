package io.kinema.train.diffusion;

import io.kinema.data.command.ConfigException;
import java.util.Arrays;
import java.util.Locale;

/** How to walk from noise to a clip, {@code --sampler}. */
public enum SamplingMethod {
    /** Euler steps along the velocity of a flow. */
    EULER,
    /** Deterministic steps of a noise predictor (Song et al., 2010.02502). */
    DDIM,
    /** Ancestral steps of a noise predictor (Ho et al., 2006.11239). */
    DDPM;

    /**
     * Reads a name.
     *
     * @param name as in {@code --sampler}
     * @return the method of that name
     * @throws ConfigException when there is none
     */
    public static SamplingMethod parse(String name) {
        return Arrays.stream(values())
                .filter(method -> method.flag().equals(name))
                .findFirst()
                .orElseThrow(() -> new ConfigException("--sampler " + name + " is not known; use euler, ddim or ddpm"));
    }

    /**
     * Returns the name.
     *
     * @return as in {@code --sampler}
     */
    public String flag() {
        return name().toLowerCase(Locale.ROOT);
    }
}
