package io.kinema.recaption.captioner.network;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import java.io.IOException;

/**
 * The settings of a captioner trained by {@code launch/recaption.sh train}.
 *
 * @param modelFolder the model's folder: a path, {@code file://} or {@code hdfs://}; the same on every machine that
 *     captions
 * @param beamWidth number of texts that beam search keeps; 1 is greedy
 * @param temperature of sampling, which starts at the second attempt
 * @param seed of sampling
 */
public record Dl4jSettings(String modelFolder, int beamWidth, double temperature, long seed)
        implements CaptionerSettings {
    /**
     * Checks the settings.
     *
     * @throws ConfigException if a value is out of its range
     */
    public Dl4jSettings {
        if (beamWidth < 1) {
            throw new ConfigException("--beam " + beamWidth + " is below 1; give a whole number of 1 or more");
        }
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new ConfigException("--temperature " + temperature + " is not above 0; give a number such as 0.7");
        }
    }

    @Override
    public Captioner open() throws IOException {
        return new Dl4jCaptioner(this);
    }
}
