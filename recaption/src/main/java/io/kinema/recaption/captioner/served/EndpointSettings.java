package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;

/**
 * The settings of a captioner on a server. They travel as JSON and hold no key.
 *
 * @param server server, model and limits
 * @param prompts the questions
 * @param numFrames the most frames of a clip to show, spread from its first to its last
 * @param maxSide the longest side of a shown frame, in pixels; smaller frames stay as they are
 * @param maxTokens the most tokens of a caption
 * @param temperature of the first attempt's sampling; 0 for the likeliest words
 */
public record EndpointSettings(
        ChatSettings server, Prompts prompts, int numFrames, int maxSide, int maxTokens, double temperature)
        implements CaptionerSettings {
    private static final int MOST_FRAMES = 256;
    private static final int SMALLEST_SIDE = 16;
    private static final int LARGEST_SIDE = 4096;
    private static final double HOTTEST = 2;

    /**
     * Checks the settings.
     *
     * @throws ConfigException if one is out of its range
     */
    public EndpointSettings {
        check(numFrames, 1, MOST_FRAMES, "--frames");
        check(maxSide, SMALLEST_SIDE, LARGEST_SIDE, "--max-side");
        check(maxTokens, 1, 1 << 20, "--max-tokens");
        if (!(temperature >= 0 && temperature <= HOTTEST)) {
            throw new ConfigException("--temperature " + temperature + " is not possible; give 0 to 2");
        }
    }

    private static void check(int value, int least, int most, String flag) {
        if (value < least || value > most) {
            throw new ConfigException(flag + " " + value + " is not possible; give " + least + " to " + most);
        }
    }

    @Override
    public Captioner open() {
        return new EndpointCaptioner(this);
    }

    @Override
    public int concurrency() {
        return server.limits().concurrency();
    }

    @Override
    public CaptionerSettings withConcurrency(int concurrency) {
        ChatSettings.Limits limits = server.limits();
        double share = concurrency / (double) limits.concurrency();
        ChatSettings.Limits fewer = new ChatSettings.Limits(
                concurrency, limits.requestsPerMinute() * share, limits.retries(), limits.timeoutSeconds());
        ChatSettings asked = new ChatSettings(
                server.url(), server.model(), server.keyEnvironment(), server.keyFile(), fewer, server.price());
        return new EndpointSettings(asked, prompts, numFrames, maxSide, maxTokens, temperature);
    }
}
