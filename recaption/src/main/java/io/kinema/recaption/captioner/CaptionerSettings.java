package io.kinema.recaption.captioner;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.io.IOException;

/**
 * Which captioner to ask, and how. Settings travel as JSON to the machines that caption; {@code captioner} in it is the
 * name that {@code io.kinema.recaption.run.CaptionerChoice} gives to each kind of captioner.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "captioner")
public interface CaptionerSettings {
    /**
     * Makes the captioner ready.
     *
     * @return the captioner; the caller closes it
     * @throws io.kinema.data.command.ConfigException if the model or the key is missing
     * @throws IOException if the model's files are damaged or cannot be read
     */
    Captioner open() throws IOException;

    /**
     * The number of questions that the captioner works on at once.
     *
     * @return 1 for a captioner that computes in this process
     */
    default int concurrency() {
        return 1;
    }

    /**
     * The same settings with another number of questions at once.
     *
     * @param concurrency at least 1
     * @return settings for one of several processes; these settings for a captioner that computes in its own process
     */
    default CaptionerSettings withConcurrency(int concurrency) {
        return this;
    }
}
