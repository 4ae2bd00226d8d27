package io.kinema.recaption.captioner.onnx;

import com.fasterxml.jackson.databind.JsonNode;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Sha256;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.NextToken;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.TokenSearch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Describes clips with a model that others have trained: a folder that Hugging Face's Optimum exported from an
 * image-to-text model without past. The folder holds {@code encoder_model.onnx}, {@code decoder_model.onnx},
 * {@code tokenizer.json}, {@code preprocessor_config.json}, {@code config.json} and possibly
 * {@code generation_config.json}.
 *
 * <p>Such a model has no styles: all styles get the same caption, unless the folder has a {@code prompts.json} with the
 * beginnings of captions, <code>{"short": "…", "detailed": "…"}</code>. The decoder gets the start token, then the
 * prompt; the caption is the text after the prompt.
 *
 * <p>The encoder sees each frame alone. Its results for several frames are laid end to end in the order of time: the
 * decoder's attention takes any length.
 *
 * <p>The first attempt is a beam search. Later attempts are drawn, from the seed, the clip's id and the attempt. Each
 * clip is described alone and on one thread, so that its caption does not depend on other questions. Several threads
 * may ask at once.
 */
public final class OnnxCaptioner implements Captioner {
    private static final int KEY_BYTES = 4;

    private final OnnxSettings settings;
    private final OnnxTokens tokens;
    private final OnnxTokenizer tokenizer;
    private final OnnxEncoder encoder;
    private final OnnxDecoder decoder;
    private final Map<String, int[]> beginnings;
    private final String model;

    private OnnxCaptioner(OnnxSettings settings, LoadedParts parts) {
        this.settings = settings;
        this.tokens = parts.tokens;
        this.tokenizer = parts.tokenizer;
        this.encoder = parts.encoder;
        this.decoder = parts.decoder;
        this.beginnings = parts.beginnings;
        this.model = parts.model;
    }

    /**
     * Loads a model. The caller closes it.
     *
     * @param settings the folder, and how to search
     * @return the captioner
     * @throws ConfigException if a file is missing, or files and settings do not fit each other
     * @throws IOException if a file cannot be read or is damaged
     */
    public static OnnxCaptioner open(OnnxSettings settings) throws IOException {
        LoadedParts parts = new LoadedParts();
        try {
            parts.load(OnnxFolder.of(settings.modelFolder()), settings);
            return new OnnxCaptioner(settings, parts);
        } catch (IOException | RuntimeException e) {
            parts.opened.reversed().forEach(Runnable::run);
            throw e;
        }
    }

    /** The parts loaded so far, to be closed if another part cannot be loaded. */
    private static final class LoadedParts {
        private final List<Runnable> opened = new ArrayList<>();
        private final Map<String, int[]> beginnings = new TreeMap<>();
        private OnnxTokens tokens;
        private OnnxTokenizer tokenizer;
        private OnnxEncoder encoder;
        private OnnxDecoder decoder;
        private String model;

        void load(OnnxFolder folder, OnnxSettings settings) throws IOException {
            tokens = OnnxTokens.read(folder);
            tokenizer = OnnxTokenizer.open(folder);
            opened.add(tokenizer::close);
            encoder = OnnxEncoder.open(folder, settings.numFrames());
            opened.add(encoder::close);
            decoder = OnnxDecoder.open(folder, encoder, tokens);
            opened.add(decoder::close);
            JsonNode prompts = folder.has(OnnxFolder.PROMPTS) ? folder.json(OnnxFolder.PROMPTS) : null;
            for (String style : List.of(Question.SHORT, Question.DETAILED)) {
                int[] prompt = prompts == null ? new int[0] : prompt(folder, prompts, style);
                int[] beginning = new int[1 + prompt.length];
                beginning[0] = tokens.start();
                System.arraycopy(prompt, 0, beginning, 1, prompt.length);
                checkLength(folder, prompt.length, settings.maxTokens());
                beginnings.put(style, beginning);
            }
            model = folder.digest();
        }

        private int[] prompt(OnnxFolder folder, JsonNode prompts, String style) {
            if (!prompts.path(style).isTextual()) {
                String found = prompts.has(style) ? style + "=" + prompts.path(style) : "no " + style;
                throw new ConfigException(folder.file(OnnxFolder.PROMPTS) + " has " + found
                        + "; give it a text, such as {\"short\": \"a video of\", \"detailed\": \"\"}");
            }
            return tokenizer.tokens(prompts.path(style).textValue());
        }

        /** The decoder gets the start token, but not the last token. */
        private void checkLength(OnnxFolder folder, int promptLength, int maxTokens) {
            if ((long) promptLength + maxTokens > tokens.maxPositions()) {
                throw new ConfigException("--max-tokens=" + maxTokens + " after a prompt of " + promptLength
                        + " tokens is more than the " + tokens.maxPositions() + " of the decoder of " + folder.path()
                        + "; lower --max-tokens to " + Math.max(1, tokens.maxPositions() - promptLength));
            }
        }
    }

    @Override
    public String origin() {
        return "onnx";
    }

    @Override
    public String model() {
        return model;
    }

    @Override
    public String promptHash(String style) {
        String prompt =
                "onnx prompt=" + Arrays.toString(beginning(style)) + " frames=" + settings.numFrames() + " beam="
                        + settings.beamWidth() + " max-tokens=" + settings.maxTokens() + " temperature="
                        + settings.temperature() + " seed=" + settings.seed();
        return Sha256.of(prompt.getBytes(StandardCharsets.UTF_8));
    }

    private int[] beginning(String style) {
        int[] beginning = beginnings.get(style);
        if (beginning == null) {
            throw new IllegalArgumentException(
                    style + " is no style of captions; ask for one of " + beginnings.keySet());
        }
        return beginning;
    }

    @Override
    public List<Answer> describe(List<Question> questions) {
        return questions.stream().map(this::answer).toList();
    }

    private Answer answer(Question question) {
        int[][] beginning = {beginning(question.style())};
        OnnxEncoder.EncodedClip seen = encoder.see(question.clip());
        TokenSearch search = new TokenSearch(tokens.end(), settings.maxTokens());
        TokenSearch.Text text;
        if (question.attempt() == 0) {
            NextToken next = decoder.about(seen, tokens, settings.beamWidth());
            text = search.beamSearch(next, beginning, settings.beamWidth()).getFirst();
        } else {
            NextToken next = decoder.about(seen, tokens, 1);
            long[] key = {key(question.clip(), question.attempt())};
            text = search.sample(next, beginning, settings.temperature(), key, settings.seed())
                    .getFirst();
        }
        String problem = text.ended() ? "" : Answer.TRUNCATED;
        return new Answer(tokenizer.text(text.tokens()), text.confidence(), problem);
    }

    /** The first 32 bits of a digest: the width of a generator's key. */
    private static long key(Clip clip, int attempt) {
        String digest = Sha256.of((attempt + " " + clip.id()).getBytes(StandardCharsets.UTF_8));
        return Long.parseLong(digest.substring(0, 2 * KEY_BYTES), 16);
    }

    @Override
    public void close() {
        decoder.close();
        encoder.close();
        tokenizer.close();
    }
}
