package io.kinema.recaption.captioner.served;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Sha256;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.ServerUsage;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * A vision-language model on a server. A request has some frames of a clip, in order, and the captions that came with
 * the clip.
 */
public final class EndpointCaptioner implements Captioner {
    /** The temperature rises by this much with each attempt, up to 1, the temperature that models are trained at. */
    private static final double HOTTER_PER_ATTEMPT = 0.3;

    private static final JsonMapper JSON = new JsonMapper();

    private final EndpointSettings settings;
    private final ChatClient client;
    private final FrameJpegs jpegs;

    /**
     * Makes the captioner; nothing is sent yet. The key is read here, in the process that asks.
     *
     * @param settings the server, and how to ask
     * @throws io.kinema.data.command.ConfigException if the key cannot be read
     */
    public EndpointCaptioner(EndpointSettings settings) {
        this(settings, new ChatClient(settings.server()));
    }

    /** Takes the client over. */
    EndpointCaptioner(EndpointSettings settings, ChatClient client) {
        this.settings = settings;
        this.client = client;
        jpegs = new FrameJpegs(settings.numFrames(), settings.maxSide());
    }

    @Override
    public String origin() {
        return "endpoint";
    }

    @Override
    public String model() {
        return settings.server().model();
    }

    @Override
    public String promptHash(String style) {
        ObjectNode asked = JSON.createObjectNode()
                .put("model", model())
                .put("prompt", settings.prompts().of(style))
                .put("numFrames", settings.numFrames())
                .put("maxSide", settings.maxSide())
                .put("maxTokens", settings.maxTokens())
                .put("temperature", settings.temperature());
        try {
            return Sha256.of(JSON.writeValueAsBytes(asked));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("texts and numbers are always writable", e);
        }
    }

    @Override
    public List<Answer> describe(List<Question> questions) throws IOException {
        return client.askAll(questions.stream()
                .map(question -> (Supplier<ChatRequest>) () -> request(question))
                .toList());
    }

    @Override
    public ServerUsage usage() {
        return client.usage();
    }

    @Override
    public void close() {
        client.close();
    }

    private ChatRequest request(Question question) {
        Clip clip = question.clip();
        List<byte[]> frames = jpegs.of(clip);
        String hints = clip.captions().stream()
                .filter(caption -> caption.style().equals(Caption.ORIGINAL))
                .map(Caption::text)
                .collect(Collectors.joining("; "));
        Map<String, String> values = Map.of(
                "frames", Integer.toString(frames.size()),
                "seconds", String.format(Locale.ROOT, "%.1f", clip.endSeconds() - clip.startSeconds()),
                "captions", hints.isEmpty() ? "none" : hints);
        String text = settings.prompts().fill(question.style(), values);
        return new ChatRequest(
                "", text, frames, settings.maxTokens(), temperature(question.attempt()), question.attempt());
    }

    private double temperature(int attempt) {
        double first = settings.temperature();
        return Math.max(first, Math.min(1, first + HOTTER_PER_ATTEMPT * attempt));
    }
}
