package io.kinema.recaption.captioner.served;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Answer;
import java.io.IOException;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Judges a server's reply: an answer, a reason to ask again, or a mistake that the user must mend. */
final class ChatReplyReader {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int LONGEST_QUOTE = 300;

    /** The longest wait, one hour, even if the server asks for more: its clock or ours may be wrong. */
    private static final long LONGEST_WAIT_MS = 3_600_000;

    private static final Pattern NO_SUCH_MODEL =
            Pattern.compile("not[ _]found|not exist|no such|unknown model|invalid model|not a valid model");

    private final ChatSettings settings;
    private final ApiKey key;

    ChatReplyReader(ChatSettings settings, ApiKey key) {
        this.settings = settings;
        this.key = key;
    }

    /**
     * Judges a reply.
     *
     * @param sent the request
     * @throws ConfigException if no request can succeed before the user has changed something
     */
    ChatReply read(HttpResponse<byte[]> response, ChatRequestWriter.Body sent) {
        int status = response.statusCode();
        if (status / 100 == 2) {
            return readContent(response);
        }
        String complaint = complaint(response.body());
        String what = "HTTP " + status + (complaint.isEmpty() ? "" : ": " + quote(complaint));
        if (status == 408 || status == 429 || status / 100 == 5) {
            return new ChatReply.Failed(what, false, waitMs(response.headers()));
        }
        if (status == 400 || status == 422) {
            Optional<String> unwanted = sent.parameters().stream()
                    .filter(parameter -> sent.canDoWithout(parameter, complaint))
                    .findFirst();
            if (unwanted.isPresent()) {
                return new ChatReply.UnsupportedParameter(unwanted.get());
            }
        }
        Optional<String> remedy = remedy(status, complaint, response.headers());
        if (remedy.isPresent()) {
            throw new ConfigException(settings.completions() + " answers " + what + "; " + remedy.get());
        }
        return new ChatReply.Refused(what);
    }

    /** What the user has to do, if this is not about one request alone. */
    private Optional<String> remedy(int status, String complaint, HttpHeaders headers) {
        String lower = complaint.toLowerCase(Locale.ROOT);
        boolean isAboutModel =
                lower.contains("model") && NO_SUCH_MODEL.matcher(lower).find();
        if (status / 100 == 3) {
            String target = quote(headers.firstValue("Location").orElse("nowhere"));
            return Optional.of("it redirects to " + target
                    + ", which may not be meant to see the key; give the right address with --url");
        }
        return switch (status) {
            case 401, 403 ->
                Optional.of("put a valid key into the environment variable " + settings.keyEnvironment()
                        + " or a file for --key-file");
            case 402 -> Optional.of("pay for more, or use another key");
            case 405 -> Optional.of("give the base address with --url, such as http://localhost:8000/v1");
            case 404 -> Optional.of(modelRemedy());
            case 400 -> isAboutModel ? Optional.of(modelRemedy()) : Optional.empty();
            default -> Optional.empty();
        };
    }

    private String modelRemedy() {
        return "--model is " + settings.model() + ": choose one that " + settings.url()
                + "/models lists, or mend --url if it lists none";
    }

    private ChatReply readContent(HttpResponse<byte[]> response) {
        String type = response.headers().firstValue("Content-Type").orElse("none");
        if (!type.toLowerCase(Locale.ROOT).matches("application/([a-z0-9.-]+\\+)?json\\s*(;.*)?")) {
            return failed("a reply of content type " + quote(type) + " in place of application/json");
        }
        JsonNode root;
        try {
            root = JSON.readTree(response.body());
        } catch (IOException e) {
            // Without Jackson's message, which quotes what it read.
            return failed("malformed JSON of " + response.body().length + " bytes");
        }
        JsonNode choice = root.path("choices").path(0);
        JsonNode message = choice.path("message");
        if (!message.isObject()) {
            String complaint = complaint(response.body());
            return failed("a reply without choices" + (complaint.isEmpty() ? "" : ": " + quote(complaint)));
        }
        JsonNode content = message.path("content");
        String refusal = message.path("refusal").asText("");
        String ending = choice.path("finish_reason").asText("");
        if (!content.isTextual() && refusal.isEmpty() && !ending.equals("content_filter") && !ending.equals("length")) {
            return failed("a reply without content, of finish_reason '" + quote(ending) + "'");
        }
        JsonNode usage = root.path("usage");
        return new ChatReply.Answered(
                answer(choice, content.asText("").strip(), refusal, ending),
                tokens(usage.path("prompt_tokens")),
                tokens(usage.path("completion_tokens")));
    }

    private Answer answer(JsonNode choice, String text, String refusal, String ending) {
        if (!refusal.isEmpty()) {
            return Answer.none("refused: " + quote(refusal));
        }
        if (ending.equals("content_filter")) {
            return Answer.none("refused: content_filter");
        }
        if (ending.equals("length")) {
            return new Answer(text, confidence(choice), Answer.TRUNCATED);
        }
        return text.isEmpty() ? Answer.none("empty") : Answer.of(text, confidence(choice));
    }

    /** The geometric mean of the tokens' probabilities; 1 if the server does not report all of them. */
    private static double confidence(JsonNode choice) {
        JsonNode tokens = choice.path("logprobs").path("content");
        double sum = 0;
        for (JsonNode token : tokens) {
            sum += token.path("logprob").asDouble(Double.NaN);
        }
        return tokens.isEmpty() || Double.isNaN(sum) ? 1 : Math.min(1, Math.exp(sum / tokens.size()));
    }

    private static long tokens(JsonNode count) {
        return count.canConvertToLong() && count.isIntegralNumber() && count.longValue() >= 0
                ? count.longValue()
                : ChatReply.UNKNOWN;
    }

    private static ChatReply failed(String what) {
        return new ChatReply.Failed(what, false, 0);
    }

    /** The server's complaint, without the parts of the request that some servers send back. */
    private static String complaint(byte[] body) {
        JsonNode root;
        try {
            root = JSON.readTree(body);
        } catch (IOException notJson) {
            root = MissingNode.getInstance();
        }
        if (!root.isContainerNode()) {
            return new String(body, StandardCharsets.UTF_8);
        }
        JsonNode error = root.path("error");
        StringBuilder complaint = new StringBuilder();
        for (JsonNode each : new JsonNode[] {
            error, error.path("message"), root.path("message"), root.path("detail"), error.path("param")
        }) {
            append(complaint, each);
        }
        for (JsonNode each : root.path("detail")) {
            append(complaint, each.path("msg"));
            each.path("loc").forEach(part -> append(complaint, part));
        }
        append(complaint, error.path("code"));
        return complaint.toString();
    }

    private static void append(StringBuilder complaint, JsonNode part) {
        if (part.isValueNode() && !part.asText("").isBlank() && complaint.indexOf(part.asText()) < 0) {
            complaint.append(complaint.isEmpty() ? "" : " ").append(part.asText());
        }
    }

    /** The first line of a foreign text, with the key struck out. */
    String quote(String text) {
        // The key goes first: cutting the text could leave half of the key.
        String line = key.redact(text).strip().lines().findFirst().orElse("").replaceAll("\\p{Cntrl}", " ");
        return line.length() <= LONGEST_QUOTE ? line : line.substring(0, LONGEST_QUOTE) + " ...";
    }

    /** The wait in {@code Retry-After}, given in seconds or as a date (RFC 9110, section 10.2.3); 0 without one. */
    private static long waitMs(HttpHeaders headers) {
        String value = headers.firstValue("Retry-After").orElse("0").strip();
        // Some servers send fractions of a second.
        if (value.matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
            return Math.min(LONGEST_WAIT_MS, (long) Math.ceil(1000 * Double.parseDouble(value)));
        }
        try {
            Instant until = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(value));
            return Math.clamp(Duration.between(Instant.now(), until).toMillis() + 1, 0, LONGEST_WAIT_MS);
        } catch (DateTimeException unreadable) {
            return 0;
        }
    }
}
