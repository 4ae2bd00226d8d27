package io.kinema.recaption.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.CaptionerSettings;
import io.kinema.recaption.captioner.network.Dl4jSettings;
import io.kinema.recaption.captioner.onnx.OnnxSettings;
import io.kinema.recaption.captioner.served.ChatSettings;
import io.kinema.recaption.captioner.served.EndpointSettings;
import io.kinema.recaption.captioner.served.Prompts;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CaptionerChoiceTest {
    @Test
    void shouldCarryTheSettingsOfEveryCaptionerToOtherMachines() throws IOException {
        ChatSettings server = new ChatSettings(
                "http://localhost:8000/v1",
                "a-model",
                "KEY",
                "",
                new ChatSettings.Limits(8, 60, 5, 120),
                new ChatSettings.Price(1, 2));
        Map<String, CaptionerSettings> byName = Map.of(
                "dl4j", new Dl4jSettings("models/captioner", 4, 0.7, 3),
                "endpoint", new EndpointSettings(server, new Prompts("short?", "detailed?"), 8, 512, 512, 0.7),
                "onnx", OnnxSettings.of("models/onnx"));
        assertEquals(CaptionerChoice.values().length, byName.size());
        JsonMapper json = CaptionerChoice.json();
        for (Map.Entry<String, CaptionerSettings> each : byName.entrySet()) {
            String text = json.writeValueAsString(each.getValue());
            JsonNode tree = json.readTree(text);

            assertEquals(each.getKey(), tree.path("captioner").asText());
            assertEquals(each.getValue(), json.readValue(text, CaptionerSettings.class));
        }
    }

    @Test
    void shouldRefuseACaptionerThatIsNotKnown() {
        ConfigException mistake = assertThrows(ConfigException.class, () -> CaptionerChoice.of("llava"));
        assertEquals("--captioner llava is not known; give dl4j, endpoint or onnx", mistake.getMessage());
    }
}
