package io.kinema.recaption.captioner.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What users are told of models and flags that do not do. */
class OnnxCaptionerMistakesTest {
    @TempDir
    Path folder;

    @BeforeEach
    void writeModel() throws IOException {
        new TinyOnnxModel().write(folder);
    }

    @Test
    void shouldNameTheFlagThatIsOutOfBounds() {
        assertMistake("--model is empty", () -> OnnxSettings.of(" "));
        assertMistake("--frames=0 is below 1", () -> new OnnxSettings("m", 0, 1, 1, 1, 0));
        assertMistake("--beam=-2 is below 1", () -> new OnnxSettings("m", 1, -2, 1, 1, 0));
        assertMistake("--max-tokens=0 is below 1", () -> new OnnxSettings("m", 1, 1, 0, 1, 0));
        for (double temperature : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertMistake(
                    "--temperature=" + temperature + " is not above 0",
                    () -> new OnnxSettings("m", 1, 1, 1, temperature, 0));
        }
    }

    @Test
    void shouldKeepSettingsAsJson() throws IOException {
        ObjectMapper json = new ObjectMapper();
        OnnxSettings settings = new OnnxSettings("/models/m", 3, 2, 9, 0.5, -7);
        assertEquals(settings, json.readValue(json.writeValueAsString(settings), OnnxSettings.class));
        assertEquals(new OnnxSettings("m", 1, 4, 32, 0.7, 0), OnnxSettings.of("m"));
    }

    @Test
    void shouldSayHowToMakeAFolderThatIsNotThere() {
        String missing = folder.resolve("none").toString();
        assertMistake(
                "--model=" + missing + " is no folder on this machine; make one: optimum-cli export onnx",
                () -> OnnxCaptioner.open(OnnxSettings.of(missing)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "encoder_model.onnx",
                "decoder_model.onnx",
                "tokenizer.json",
                "preprocessor_config.json",
                "config.json"
            })
    void shouldNameTheFileThatIsMissing(String name) throws IOException {
        Files.delete(folder.resolve(name));
        assertMistake(folder + " has no " + name + "; export the model again: optimum-cli export onnx", this::open);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tokenizer.json", "preprocessor_config.json", "config.json"})
    void shouldSayWhereJsonIsCutOffOrFlipped(String name) throws IOException {
        Path file = folder.resolve(name);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length / 2));
        assertMistake(file + ":", this::open);
        Files.write(file, new byte[0]);
        assertMistake(file + " of 0 bytes holds no JSON object", this::open);
        Files.writeString(file, "[1]");
        assertMistake(file + " of 3 bytes holds no JSON object", this::open);
        whole[10] ^= (byte) 0x80;
        Files.write(file, whole);
        String message = assertMistake(file + ":1:", this::open);
        assertTrue(message.contains(" is not JSON: "), message);
    }

    /** Whatever byte is flipped, the model is read as before or the user is told in one line which file is at fault. */
    @ParameterizedTest
    @ValueSource(strings = {"tokenizer.json", "preprocessor_config.json", "config.json"})
    void shouldTellOfAnyFlippedByteInOneLine(String name) throws IOException {
        Path file = folder.resolve(name);
        byte[] whole = Files.readAllBytes(file);
        int numTold = 0;
        for (int i = 0; i < whole.length; i += 11) {
            byte[] flipped = whole.clone();
            flipped[i] ^= (byte) (1 << i % 8);
            Files.write(file, flipped);
            try {
                open();
            } catch (ConfigException e) {
                assertEquals(1, e.getMessage().lines().count(), e.getMessage());
                assertTrue(e.getMessage().contains(folder.toString()), e.getMessage());
                numTold++;
            }
        }
        assertTrue(numTold > 0);
    }

    @Test
    void shouldSayThatATokenizerIsNone() throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": {\"type\": \"Nothing\"}}");
        assertMistake(folder.resolve("tokenizer.json") + " is no tokenizer: ", this::open);
    }

    @ParameterizedTest
    @ValueSource(strings = {"encoder_model.onnx", "decoder_model.onnx"})
    void shouldNameAGraphThatIsCutOff(String name) throws IOException {
        Path file = folder.resolve(name);
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length += 37) {
            Files.write(file, Arrays.copyOf(whole, length));
            String message = assertThrows(IOException.class, this::open).getMessage();
            assertTrue(message.startsWith(file + " cannot be loaded: "), message);
            assertEquals(1, message.lines().count(), message);
        }
    }

    @Test
    void shouldSayWhichInputsAndOutputsItFound() throws IOException {
        Path encoder = folder.resolve("encoder_model.onnx");
        new TinyOnnxModel().writeEncoder("image_embeds").write(encoder);
        assertMistake(encoder + " has no output last_hidden_state but [image_embeds]; export", this::open);
        new TinyOnnxModel().write(folder);
        Path decoder = folder.resolve("decoder_model.onnx");
        Files.copy(encoder, decoder, StandardCopyOption.REPLACE_EXISTING);
        assertMistake(
                decoder + " also takes [pixel_values], which is not known here beside [encoder_attention_mask,",
                this::open);
        new OnnxFile()
                .input("input_ids", OnnxFile.FLOAT, "rows", "length", 2)
                .output("logits", OnnxFile.FLOAT, "rows", "length", 2)
                .node("Identity", List.of("input_ids"), "logits")
                .write(decoder);
        assertMistake(
                decoder + " has the input input_ids as FLOAT[-1, -1, 2], not as INT64 of 2 dimensions", this::open);
    }

    @Test
    void shouldSayWhichDimensionsDoNotFit() throws IOException {
        Path preprocessor = folder.resolve("preprocessor_config.json");
        Files.writeString(preprocessor, Files.readString(preprocessor).replace("\"width\": 4", "\"width\": 6"));
        assertMistake(
                folder.resolve("encoder_model.onnx") + " takes 3 channels of 4x4, and preprocessor_config.json makes"
                        + " 3 of 4x6",
                this::open);
        new TinyOnnxModel().write(folder);
        Path decoder = folder.resolve("decoder_model.onnx");
        wide().write(decoder);
        assertMistake(decoder + " takes hidden states of width 5, and encoder_model.onnx makes them of 3", this::open);
        new OnnxFile()
                .input("input_ids", OnnxFile.INT64, "rows", "length")
                .input("encoder_hidden_states", OnnxFile.FLOAT, "rows", 4, 3)
                .output("logits", OnnxFile.FLOAT, "rows", 4, 3)
                .node("Identity", List.of("encoder_hidden_states"), "logits")
                .write(decoder);
        assertMistake(
                decoder + " takes hidden states of 4 places, and encoder_model.onnx makes 2 with this --frames",
                this::open);
    }

    private static OnnxFile wide() {
        return new OnnxFile()
                .input("input_ids", OnnxFile.INT64, "rows", "length")
                .input("encoder_hidden_states", OnnxFile.FLOAT, "rows", "places", 5)
                .output("logits", OnnxFile.FLOAT, "rows", "places", 5)
                .node("Identity", List.of("encoder_hidden_states"), "logits");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'eos_token_id': 1} | config.json has no decoder_start_token_id; add it",
                "{'decoder_start_token_id': 0} | config.json has no eos_token_id; add it",
                "{'decoder_start_token_id': 0, 'eos_token_id': []} | config.json has eos_token_id=[], which is not",
                "{'decoder_start_token_id': 'x', 'eos_token_id': 1} |"
                        + " config.json has decoder_start_token_id=\"x\", which",
                "{'bos_token_id': 0, 'eos_token_id': [13, 1]} |"
                        + " knows 13 tokens, and the captions of config.json begin with 0 and end with 13",
                "{'bos_token_id': 0, 'eos_token_id': -1} | config.json has eos_token_id=-1, which is not the number",
                "{'bos_token_id': 0, 'eos_token_id': 1, 'decoder': {'max_position_embeddings': 31}} |"
                        + " --max-tokens=32 after a prompt of 0 tokens is more than the 31",
            })
    void shouldSayWhatIsWrongWithTheTokens(String config, String message) throws IOException {
        Files.writeString(folder.resolve("config.json"), config.replace('\'', '"'));
        assertMistake(message, this::open);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'short': 'a'} | prompts.json has no detailed; give it a text",
                "{'short': 3, 'detailed': ''} | prompts.json has short=3; give it a text",
                "{'short': 'a', 'detailed': '' | prompts.json:1:",
            })
    void shouldSayWhatIsWrongWithThePrompts(String prompts, String message) throws IOException {
        Files.writeString(folder.resolve("prompts.json"), prompts.replace('\'', '"'));
        assertMistake(message, this::open);
    }

    @Test
    void shouldCountThePromptWhereTheDecoderIsShort() throws IOException {
        Files.writeString(folder.resolve("prompts.json"), "{\"short\": \"a red\", \"detailed\": \"\"}");
        assertMistake(
                "--max-tokens=63 after a prompt of 2 tokens is more than the 64 of the decoder of " + folder
                        + "; lower --max-tokens to 62",
                () -> OnnxCaptioner.open(new OnnxSettings(folder.toString(), 1, 1, 63, 1, 0)));
    }

    private void open() throws IOException {
        OnnxCaptioner.open(OnnxSettings.of(folder.toString())).close();
    }

    private static String assertMistake(String part, Executable executable) {
        String message = assertThrows(ConfigException.class, executable).getMessage();
        assertTrue(message.contains(part), message);
        assertEquals(1, message.lines().count(), message);
        return message;
    }
}
