package io.kinema.recaption.captioner.served;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Base64;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Writes requests as JSON. Servers support different parameters. A parameter that the server refuses is left out of all
 * later requests; {@code max_tokens} then gets its newer name, {@code max_completion_tokens}.
 */
final class ChatRequestWriter {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String LENGTH = "max_tokens";
    private static final String LENGTH_NEWER = "max_completion_tokens";

    private final String model;
    private final Set<String> unwanted = ConcurrentHashMap.newKeySet();

    ChatRequestWriter(String model) {
        this.model = model;
    }

    /**
     * A request as it is sent.
     *
     * @param json UTF-8
     * @param parameters the optional parameters in it
     */
    record Body(byte[] json, Set<String> parameters) {
        /** Whether the server's complaint is about this optional parameter. */
        boolean canDoWithout(String parameter, String complaint) {
            // A complaint about a text that is too long has the older name alone.
            return parameters.contains(parameter)
                    && complaint.contains(parameter.equals(LENGTH) ? LENGTH_NEWER : parameter);
        }
    }

    /** Leaves a parameter out of all later requests. */
    void leaveOut(String parameter) {
        unwanted.add(parameter);
    }

    Body of(ChatRequest request) {
        ObjectNode root = JSON.createObjectNode().put("model", model);
        ArrayNode messages = root.putArray("messages");
        if (!request.system().isEmpty()) {
            messages.addObject().put("role", "system").put("content", request.system());
        }
        ObjectNode user = messages.addObject().put("role", "user");
        if (request.jpegs().isEmpty()) {
            // Servers of text-only models refuse a list here.
            user.put("content", request.text());
        } else {
            ArrayNode parts = user.putArray("content");
            parts.addObject().put("type", "text").put("text", request.text());
            for (byte[] jpeg : request.jpegs()) {
                String dataUrl = "data:image/jpeg;base64," + Base64.getEncoder().encodeToString(jpeg);
                parts.addObject()
                        .put("type", "image_url")
                        .putObject("image_url")
                        .put("url", dataUrl);
            }
        }
        ObjectNode optional = JSON.createObjectNode()
                .put(LENGTH, request.maxTokens())
                .put("temperature", request.temperature())
                .put("seed", request.seed())
                .put("logprobs", true);
        optional.remove(unwanted);
        Set<String> parameters = new TreeSet<>();
        optional.fieldNames().forEachRemaining(parameters::add);
        root.setAll(optional);
        if (!parameters.contains(LENGTH)) {
            root.put(LENGTH_NEWER, request.maxTokens());
        }
        try {
            return new Body(JSON.writeValueAsBytes(root), parameters);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("texts and numbers are always writable", e);
        }
    }
}
