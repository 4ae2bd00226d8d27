package io.kinema.recaption.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.recaption.captioner.Answer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CaptionCheckTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "a very very large dog",
                "a man says he can't swim",
                "no, no, said the man, sorry, no",
                "the wave comes in and the wave goes out, and the wave comes in again",
                "Zwei Hunde."
            })
    void shouldAcceptCaptions(String text) {
        assertEquals("", CaptionCheck.problem(Answer.of(text, 1)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a a a dog",
                "a dog and a cat and a cat and a cat",
                "It runs. It runs. It runs.",
                "one two three four one two three four one two three four"
            })
    void shouldFindLoops(String text) {
        assertTrue(CaptionCheck.problem(Answer.of(text, 1)).startsWith("repeated"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "I'm sorry, but I can't describe this video.",
                "I’m unable to help with that.",
                "As an AI model, I cannot see videos.",
                "Unfortunately, I do not see a video."
            })
    void shouldFindRefusals(String text) {
        assertTrue(CaptionCheck.problem(Answer.of(text, 1)).startsWith("refused"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  \n", "...", "\"\""})
    void shouldFindEmptyAnswers(String text) {
        assertEquals("empty", CaptionCheck.problem(Answer.of(text, 1)));
    }

    @Test
    void shouldBelieveTheCaptioner() {
        assertEquals(
                Answer.TRUNCATED, CaptionCheck.problem(new Answer("a dog that runs along the", 0.5, Answer.TRUNCATED)));
    }
}
