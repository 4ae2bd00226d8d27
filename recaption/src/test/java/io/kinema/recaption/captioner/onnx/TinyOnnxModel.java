package io.kinema.recaption.captioner.onnx;

import static io.kinema.recaption.captioner.onnx.OnnxFile.FLOAT;
import static io.kinema.recaption.captioner.onnx.OnnxFile.INT64;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A model whose captions can be told from the frames. Its encoder takes 4x4 pixels and makes two places of them, the
 * mean colours of the left and the right half. Its decoder's logits are what follows the last token in a table, and
 * besides, of each word, its weights times the colour of the first place and those times the colour of the last.
 */
final class TinyOnnxModel {
    static final int SIZE = 4;
    static final List<String> WORDS = List.of(
            "<s>", "</s>", "<unk>", "a", "red", "green", "blue", "turning", "ruby", "lime", "navy", "please", "dim");
    static final float LIKELY = 12;

    private static final int CHANNELS = 3;

    final float[][] followsVV;
    final float[][] firstCV = new float[CHANNELS][WORDS.size()];
    final float[][] lastCV = new float[CHANNELS][WORDS.size()];

    /**
     * Says "a", the colour of the first place (red, green, blue; dim for none), "turning", and the colour of the last
     * (ruby, lime, navy).
     */
    TinyOnnxModel() {
        followsVV = new float[WORDS.size()][WORDS.size()];
        follows("<s>", "a");
        follows("a", "red", "green", "blue", "dim");
        for (String colour : List.of("red", "green", "blue", "dim")) {
            follows(colour, "turning");
        }
        follows("turning", "ruby", "lime", "navy");
        for (String colour : List.of("ruby", "lime", "navy")) {
            follows(colour, "</s>");
        }
        follows("please", "red", "green", "blue", "dim");
        for (int c = 0; c < CHANNELS; c++) {
            firstCV[c][id("red") + c] = 3;
            lastCV[c][id("ruby") + c] = 3;
        }
    }

    void follows(String word, String... next) {
        for (String each : next) {
            followsVV[id(word)][id(each)] = LIKELY;
        }
    }

    static int id(String word) {
        return WORDS.indexOf(word);
    }

    /** Of the word after {@code last}, given the colours of two places as the encoder is given them. */
    double[] logProbabilities(int last, double[] firstC, double[] lastC) {
        double[] logits = IntStream.range(0, WORDS.size())
                .mapToDouble(word -> {
                    double logit = followsVV[last][word];
                    for (int c = 0; c < CHANNELS; c++) {
                        logit += firstC[c] * firstCV[c][word] + lastC[c] * lastCV[c][word];
                    }
                    return logit;
                })
                .toArray();
        double logSum = Math.log(Arrays.stream(logits).map(Math::exp).sum());
        return Arrays.stream(logits).map(logit -> logit - logSum).toArray();
    }

    void write(Path folder) throws IOException {
        writeEncoder("last_hidden_state").write(folder.resolve("encoder_model.onnx"));
        writeDecoder(CHANNELS).write(folder.resolve("decoder_model.onnx"));
        Files.writeString(folder.resolve("tokenizer.json"), tokenizer());
        Files.writeString(folder.resolve("preprocessor_config.json"), """
                {"do_resize": true, "size": {"height": 4, "width": 4}, "resample": 2, "do_rescale": true,
                 "rescale_factor": 0.00392156862745098, "do_normalize": true,
                 "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
                """);
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "vision-encoder-decoder", "decoder_start_token_id": 0, "eos_token_id": null,
                 "decoder": {"eos_token_id": 1, "n_positions": 64}}
                """);
    }

    OnnxFile writeEncoder(String output) {
        return new OnnxFile()
                .input("pixel_values", FLOAT, "batch", CHANNELS, SIZE, SIZE)
                .output(output, FLOAT, "batch", 2, CHANNELS)
                .constant("shape", 0, 0, 2)
                .node(
                        "AveragePool",
                        List.of("pixel_values"),
                        "halves",
                        OnnxFile.Attribute.list("kernel_shape", SIZE, SIZE / 2),
                        OnnxFile.Attribute.list("strides", SIZE, SIZE / 2))
                .node("Reshape", List.of("halves", "shape"), "flat")
                .node("Transpose", List.of("flat"), output, OnnxFile.Attribute.list("perm", 0, 2, 1));
    }

    OnnxFile writeDecoder(int width) {
        return decoder(width)
                .output("logits", FLOAT, "rows", "length", WORDS.size())
                .node("Add", List.of("seen", "seenLast"), "logits");
    }

    /**
     * With the mask that tells which places to look at: its mean is a factor of all logits, so that all ones change
     * nothing.
     */
    OnnxFile writeDecoderWithMask() {
        return decoder(CHANNELS)
                .input("encoder_attention_mask", INT64, "rows", "places")
                .output("logits", FLOAT, "rows", "length", WORDS.size())
                .constant("two", 2)
                .node("Cast", List.of("encoder_attention_mask"), "mask", OnnxFile.Attribute.of("to", FLOAT))
                .node("ReduceMean", List.of("mask"), "mean", OnnxFile.Attribute.list("axes", 1))
                .node("Unsqueeze", List.of("mean", "two"), "factor")
                .node("Add", List.of("seen", "seenLast"), "all")
                .node("Mul", List.of("all", "factor"), "logits");
    }

    private OnnxFile decoder(int width) {
        return new OnnxFile()
                .input("input_ids", INT64, "rows", "length")
                .input("encoder_hidden_states", FLOAT, "rows", "places", width)
                .constant("follows", followsVV)
                .constant("firstWeights", firstCV)
                .constant("lastWeights", lastCV)
                .constant("zero", 0)
                .constant("one", 1)
                .constant("minusOne", -1)
                .constant("end", Long.MAX_VALUE)
                .node("Gather", List.of("follows", "input_ids"), "following")
                .node("Slice", List.of("encoder_hidden_states", "zero", "one", "one"), "first")
                .node("Slice", List.of("encoder_hidden_states", "minusOne", "end", "one"), "last")
                .node("MatMul", List.of("first", "firstWeights"), "byFirst")
                .node("MatMul", List.of("last", "lastWeights"), "seenLast")
                .node("Add", List.of("following", "byFirst"), "seen");
    }

    private static String tokenizer() {
        String vocabulary = IntStream.range(0, WORDS.size())
                .mapToObj(i -> "\"" + WORDS.get(i) + "\": " + i)
                .collect(Collectors.joining(", "));
        String special = IntStream.range(0, CHANNELS)
                .mapToObj(i -> "{\"id\": " + i + ", \"content\": \"" + WORDS.get(i)
                        + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false,"
                        + " \"special\": true}")
                .collect(Collectors.joining(", "));
        return """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s], "normalizer": null,
                 "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
                 "post_processor": {"type": "TemplateProcessing", "pair": [],
                  "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                  "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
                 "model": {"type": "WordLevel", "vocab": {%s}, "unk_token": "<unk>"}}
                """.formatted(special, vocabulary);
    }
}
