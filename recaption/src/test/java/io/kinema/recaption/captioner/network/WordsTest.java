package io.kinema.recaption.captioner.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Question;
import java.util.List;
import org.junit.jupiter.api.Test;

class WordsTest {
    private static final Words WORDS = Words.of(List.of("A dog's bone (old), 3 well-worn.", "Ein Bär läuft!"));

    @Test
    void shouldWriteATextAsItWasRead() {
        String text = "a dog's bone (old), 3 well-worn. ein bär läuft!";
        assertEquals(text, WORDS.text(WORDS.numbers(text)));
    }

    @Test
    void shouldHaveANumberForWordsThatItDoesNotKnow() {
        assertArrayEquals(new int[] {Words.UNKNOWN}, WORDS.numbers("zebra"));
    }

    @Test
    void shouldRejectCaptionsWithoutWords() {
        assertThrows(ConfigException.class, () -> Words.of(List.of("  ", "")));
    }

    @Test
    void shouldShowTheStyleAndTheLastTokens() {
        float[] window = new float[4];
        int[] tokens = {5, 11, 12, 13, 14};
        Words.window(tokens, 2, window, 0, 4);
        assertArrayEquals(new float[] {5, 0, 0, 11}, window);
        Words.window(tokens, 5, window, 0, 4);
        assertArrayEquals(new float[] {5, 12, 13, 14}, window);
        Words.window(tokens, 1, window, 0, 4);
        assertArrayEquals(new float[] {5, 0, 0, 0}, window);
    }

    @Test
    void shouldCallAThirdOfTheCaptionsShortAndAThirdDetailed() {
        CaptionLengths lengths = CaptionLengths.of(
                List.of("one", "one two", "one two three", "one two three four", "a b c d e", "a b c d e f"));
        assertEquals(new CaptionLengths(2, 4), lengths);
        assertEquals(CaptionLengths.tokenFor(Question.SHORT), lengths.tokenOf("one two"));
        assertEquals(CaptionLengths.tokenFor(Question.DETAILED), lengths.tokenOf("a b c d e"));
    }
}
