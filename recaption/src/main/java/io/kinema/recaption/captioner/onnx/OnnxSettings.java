package io.kinema.recaption.captioner.onnx;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import java.io.IOException;

/**
 * What captions of an ONNX model depend on besides the frames and the model's files.
 *
 * @param modelFolder a local folder as {@link OnnxCaptioner} describes it; the same path on every machine that captions
 * @param numFrames how many frames of a clip the model sees: the middles of as many equal parts of it
 * @param beamWidth how many texts beam search keeps; 1 is greedy
 * @param maxTokens the most tokens of a caption; one that has not ended then is truncated
 * @param temperature what log-probabilities are divided by where a caption is drawn, which is in attempts after the
 *     first
 * @param seed of what is drawn
 */
public record OnnxSettings(
        String modelFolder, int numFrames, int beamWidth, int maxTokens, double temperature, long seed)
        implements CaptionerSettings {
    /**
     * Checks what can be checked without the model.
     *
     * @throws ConfigException if a value is out of bounds
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
     * The settings to begin with: the middle frame, four beams, 32 tokens.
     *
     * @param modelFolder a local folder
     * @return settings with everything else at its default
     */
    public static OnnxSettings of(String modelFolder) {
        return new OnnxSettings(modelFolder, 1, 4, 32, 0.7, 0);
    }

    @Override
    public Captioner open() throws IOException {
        return OnnxCaptioner.open(this);
    }
}
