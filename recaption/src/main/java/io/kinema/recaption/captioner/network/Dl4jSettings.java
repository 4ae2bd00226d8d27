package io.kinema.recaption.captioner.network;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import java.io.IOException;

/**
 * What captions of a trained captioner depend on besides the frames and the model's files.
 *
 * @param modelFolder the model's folder: a path, {@code file://} or {@code hdfs://}; the same on every machine that
 *     captions
 * @param beamWidth how many texts beam search keeps; 1 is greedy
 * @param temperature what log-probabilities are divided by where a caption is drawn, which is in attempts after the
 *     first
 * @param seed of what is drawn
 */
public record Dl4jSettings(String modelFolder, int beamWidth, double temperature, long seed)
        implements CaptionerSettings {
    /**
     * Checks what can be checked without the model.
     *
     * @throws ConfigException if a value is out of bounds
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
