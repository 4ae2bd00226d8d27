package io.kinema.recaption.show;

import io.kinema.data.shard.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/**
 * The page without its data: {@code page.html} with style and scripts inserted.
 *
 * <p>The page's security policy allows its pictures and, by their SHA-256, its style and its script. The page loads
 * nothing from the network.
 *
 * @param beforeData the text before the data
 * @param afterData the text after the data
 */
record PageTemplate(String beforeData, String afterData) {
    /** The beginning of every such page, by which a page is recognised. */
    static final String MARK = "<!DOCTYPE html>\n<!-- Kinema: a page of captions -->\n";

    /** The files of the page's script, in order. */
    private static final List<String> SCRIPTS = List.of("clips.js", "view.js", "player.js", "cards.js", "page.js");

    static PageTemplate load() throws IOException {
        String style = resource("page.css");
        StringBuilder script = new StringBuilder("'use strict';\n");
        for (String part : SCRIPTS) {
            script.append(resource(part));
        }
        String page = resource("page.html")
                .replace("{style-digest}", digest(style))
                .replace("{script-digest}", digest(script.toString()));
        String[] parts = page.split("(?=\\{style}|\\{data}|\\{script})");
        if (parts.length != 4 || !page.startsWith(MARK)) {
            throw new IllegalStateException("page.html has " + (parts.length - 1)
                    + " places for style, data and script, not 3, or does not begin with " + MARK);
        }
        return new PageTemplate(
                parts[0] + style + rest(parts[1]), rest(parts[2]).stripLeading() + script + rest(parts[3]));
    }

    private static String rest(String part) {
        return part.substring(part.indexOf('}') + 1);
    }

    private static String digest(String text) {
        byte[] digest = Sha256.digest().digest(text.getBytes(StandardCharsets.UTF_8));
        return "sha256-" + Base64.getEncoder().encodeToString(digest);
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = PageTemplate.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " of the page is not on the classpath");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
