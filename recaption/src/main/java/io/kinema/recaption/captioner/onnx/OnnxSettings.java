package io.kinema.recaption.captioner.onnx;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import java.io.IOException;

/**
 * The settings of a captioner in files of ONNX.
 *
 * @param modelFolder a local folder as {@link OnnxCaptioner} describes it; the same path on every machine that captions
 * @param numFrames number of frames that the model sees: the middles of as many equal parts of the clip
 * @param beamWidth number of texts that beam search keeps; 1 is greedy
 * @param maxTokens the most tokens of a caption; a longer caption is truncated
 * @param temperature of sampling, which starts at the second attempt
 * @param seed of sampling
 */
public record OnnxSettings(
        String modelFolder, int numFrames, int beamWidth, int maxTokens, double temperature, long seed)
        implements CaptionerSettings {
    /**
     * Checks the settings.
     *
     * @throws ConfigException if a value is out of its range
     */
    public OnnxSettings {
        if (modelFolder.isBlank()) {
            throw new ConfigException("--model is empty; give the folder of a model: " + OnnxFolder.REMEDY);
        }
        checkCount("--frames", numFrames);
        checkCount("--beam", beamWidth);
        checkCount("--max-tokens", maxTokens);
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new ConfigException("--temperature=" + temperature + " is not above 0; give a number such as 0.7");
        }
    }

    private static void checkCount(String flag, int count) {
        if (count < 1) {
            throw new ConfigException(flag + "=" + count + " is below 1; give a whole number of 1 or more");
        }
    }

    /**
     * The default settings: the middle frame, four beams, 32 tokens.
     *
     * @param modelFolder a local folder
     * @return the default settings
     */
    public static OnnxSettings of(String modelFolder) {
        return new OnnxSettings(modelFolder, 1, 4, 32, 0.7, 0);
    }

    @Override
    public Captioner open() throws IOException {
        return OnnxCaptioner.open(this);
    }
}
