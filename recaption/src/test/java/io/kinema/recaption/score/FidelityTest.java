package io.kinema.recaption.score;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FidelityTest {
    @Test
    void shouldCountOnlyWhatAPromptAsksFor() {
        Map<String, List<String>> captions = new LinkedHashMap<>();
        captions.put(
                "two red stars spin",
                List.of("two red stars grow over a white background", "a red star spins over a black background"));
        captions.put("a blue circle grows over a red background", List.of("a blue circle grows over a red background"));
        Fidelity fidelity = Fidelity.of(captions);
        assertEquals(2, fidelity.numPrompts());
        assertEquals(3, fidelity.numVideos());
        assertEquals(2 / 3.0, fidelity.attributes().get("count").value(), 1e-12);
        assertEquals(1, fidelity.attributes().get("colour").value(), 1e-12);
        assertEquals(2 / 3.0, fidelity.attributes().get("motion").value(), 1e-12);
        assertEquals(1, fidelity.attributes().get("background").value(), 1e-12);
        assertEquals(11 / 13.0, fidelity.attributes().get("all").value(), 1e-12);
    }

    @Test
    void shouldHaveIntervalsThatCoverTheShare() {
        Map<String, List<String>> captions = new LinkedHashMap<>();
        for (int i = 0; i < 100; i++) {
            // Spaces tell prompts apart that ask for the same.
            captions.put(
                    "a red star spins" + " ".repeat(i), List.of(i % 4 == 0 ? "a red star grows" : "a red star spins"));
        }
        Fidelity.Share motion = Fidelity.of(captions).attributes().get("motion");
        // 0.75 ± 1.96 · √(0.75 · 0.25 / 100) = 0.665 to 0.835
        assertEquals(0.75, motion.value(), 1e-12);
        assertEquals(0.665, motion.low(), 0.02);
        assertEquals(0.835, motion.high(), 0.02);
    }

    @Test
    void shouldKeepTheVideosOfAPromptTogether() {
        Map<String, List<String>> apart = new LinkedHashMap<>();
        Map<String, List<String>> together = new LinkedHashMap<>();
        for (int i = 0; i < 10; i++) {
            String caption = i % 2 == 0 ? "a red star spins" : "a red star grows";
            together.put("a red star spins" + " ".repeat(i), List.of(caption, caption, caption, caption));
            for (int j = 0; j < 4; j++) {
                apart.put("a red star spins" + " ".repeat(4 * i + j), List.of(caption));
            }
        }
        assertTrue(width(together) > 1.5 * width(apart), width(together) + " beside " + width(apart));
        assertFalse(Fidelity.of(apart).attributes().containsKey("background"));
    }

    private static double width(Map<String, List<String>> captions) {
        Fidelity.Share share = Fidelity.of(captions).attributes().get("motion");
        return share.high() - share.low();
    }
}
