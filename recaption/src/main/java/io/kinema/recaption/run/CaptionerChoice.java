package io.kinema.recaption.run;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.CaptionerSettings;
import io.kinema.recaption.captioner.network.Dl4jSettings;
import io.kinema.recaption.captioner.onnx.OnnxSettings;
import io.kinema.recaption.captioner.served.EndpointSettings;

/** The captioners that {@code --captioner} chooses from, and the names of their settings in JSON. */
enum CaptionerChoice {
    /** A network that {@code launch/recaption.sh train} has trained. */
    DL4J("dl4j", Dl4jSettings.class),

    /** A model behind a server with the interface of OpenAI's chat completions. */
    ENDPOINT("endpoint", EndpointSettings.class),

    /** A model that Hugging Face's Optimum has exported. */
    ONNX("onnx", OnnxSettings.class);

    private final String text;
    private final Class<? extends CaptionerSettings> settings;

    CaptionerChoice(String text, Class<? extends CaptionerSettings> settings) {
        this.text = text;
        this.settings = settings;
    }

    /**
     * The choice of a flag's value.
     *
     * @throws ConfigException if no captioner has that name
     */
    static CaptionerChoice of(String text) {
        for (CaptionerChoice choice : values()) {
            if (choice.text.equals(text)) {
                return choice;
            }
        }
        throw new ConfigException("--captioner " + text + " is not known; give dl4j, endpoint or onnx");
    }

    /** Reads and writes the settings of every captioner. */
    static JsonMapper json() {
        JsonMapper json = new JsonMapper();
        for (CaptionerChoice choice : values()) {
            json.registerSubtypes(new NamedType(choice.settings, choice.text));
        }
        return json;
    }
}
