package io.kinema.recaption.show;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A page of captions as an HTML parser sees it: a script ends at the first {@code </script}. */
record Page(String html) {
    static Page read(Path file) throws IOException {
        return new Page(Files.readString(file));
    }

    JsonNode data() throws IOException {
        return json("data");
    }

    JsonNode json(String id) throws IOException {
        String begin = "<script type=\"application/json\" id=\"" + id + "\">";
        int at = html.indexOf(begin);
        if (at < 0) {
            throw new AssertionError("no " + begin);
        }
        int end = html.toLowerCase(java.util.Locale.ROOT).indexOf("</script", at);
        return new ObjectMapper().readTree(html.substring(at + begin.length(), end));
    }
}
