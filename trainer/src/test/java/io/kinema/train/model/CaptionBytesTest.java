package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CaptionBytesTest {

    @Test
    void shouldReadUtf8Bytes() {
        assertArrayEquals(new int[] {'g', 'r', 0xC3, 0xBC, 'n'}, CaptionBytes.of("grün"));
    }

    @Test
    void shouldStandForAnEmptyCaptionByTheTokenForNone() {
        assertArrayEquals(CaptionBytes.none(), CaptionBytes.of(""));
    }

    @Test
    void shouldCutBetweenCharacters() {
        assertEquals(256, CaptionBytes.of("x".repeat(300)).length);
        // The character of two bytes would begin at byte 255 and end beyond the limit.
        assertEquals(255, CaptionBytes.of("x".repeat(255) + "ü").length);
        assertEquals(256, CaptionBytes.of("x".repeat(254) + "üü").length);
    }
}
