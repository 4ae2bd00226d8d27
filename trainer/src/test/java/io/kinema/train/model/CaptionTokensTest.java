package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CaptionTokensTest {

    @Test
    void shouldReadUtf8Bytes() {
        assertArrayEquals(new int[] {'g', 'r', 0xC3, 0xBC, 'n'}, CaptionTokens.of("grün"));
    }

    @Test
    void shouldStandForAnEmptyCaptionByTheTokenForNone() {
        assertArrayEquals(CaptionTokens.none(), CaptionTokens.of(""));
    }

    @Test
    void shouldCutBetweenCharacters() {
        assertEquals(256, CaptionTokens.of("x".repeat(300)).length);
        // The character of two bytes would begin at byte 255 and end beyond the limit.
        assertEquals(255, CaptionTokens.of("x".repeat(255) + "ü").length);
        assertEquals(256, CaptionTokens.of("x".repeat(254) + "üü").length);
    }
}
