package io.kinema.recaption.captioner;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.io.IOException;

/** Which captioner is asked, and how. Travels as JSON to the machines that caption. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "captioner")
@JsonSubTypes({
    @JsonSubTypes.Type(value = Dl4jSettings.class, name = "dl4j"),
    @JsonSubTypes.Type(value = EndpointSettings.class, name = "endpoint"),
    @JsonSubTypes.Type(value = OnnxSettings.class, name = "onnx")
})
public sealed interface CaptionerSettings permits Dl4jSettings, EndpointSettings, OnnxSettings {
    /**
     * Makes the captioner ready.
     *
     * @return the captioner; the caller closes it
     * @throws io.kinema.data.command.ConfigException if the model or the key is not there
     * @throws IOException if the model's files are damaged or cannot be read
     */
    Captioner open() throws IOException;

    /**
     * How many questions are worth being asked at once.
     *
     * @return 1 where a captioner computes by itself
     */
    default int concurrency() {
        return 1;
    }

    /**
     * The same with another number of questions at once.
     *
     * @param concurrency at least 1
     * @return settings for one of several processes; these where a captioner computes by itself
     */
    default CaptionerSettings withConcurrency(int concurrency) {
        return this;
    }
}
