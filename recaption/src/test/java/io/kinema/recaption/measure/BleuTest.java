package io.kinema.recaption.measure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Against values worked out by hand. */
class BleuTest {
    @Test
    void shouldBeOneForTheReferenceItself() {
        assertEquals(1, score("a red circle moves", "a red circle moves"), 1e-12);
    }

    /** 8 of 8 words, 4 of 7 pairs, 3 of 6 triples, 2 of 5 fours: the fourth root of 4/35. */
    @Test
    void shouldMultiplyThePrecisionsOfRuns() {
        double score = score("a red circle moves from left to right", "a red circle moves from right to left");
        assertEquals(0.581430, score, 1e-6);
    }

    /** All runs are right, but 4 words stand for 6: e^(1 − 6/4). */
    @Test
    void shouldPenaliseBrevity() {
        assertEquals(0.606531, score("a red circle moves", "a red circle moves upwards now"), 1e-6);
    }

    /** Of five a's the reference has one: precision 1/5 of words, and no pair. Another clip has the longer runs. */
    @Test
    void shouldCountAWordNoMoreOftenThanAReferenceHasIt() {
        double score = Bleu.score(
                List.of(words("a a a a a"), words("b c d e f")),
                List.of(List.of(words("a g h i j")), List.of(words("b c d e f"))));
        // 6 of 10 words, 4 of 8 pairs, 3 of 6 triples, 2 of 4 fours.
        assertEquals(Math.pow(0.6 / 8, 0.25), score, 1e-12);
    }

    @Test
    void shouldTakeTheReferenceThatIsNearestInLength() {
        double score = Bleu.score(
                List.of(words("a b c d e")), List.of(List.of(words("a b c d e f g h"), words("a b c d e f"))));
        assertEquals(Math.exp(1 - 6 / 5.0), score, 1e-12);
    }

    @Test
    void shouldBeZeroWithoutARunOfFourThatIsRight() {
        assertEquals(0, score("a red circle", "a red circle"));
        assertThrows(IllegalArgumentException.class, () -> Bleu.score(List.of(), List.of()));
    }

    private static double score(String caption, String reference) {
        return Bleu.score(List.of(words(caption)), List.of(List.of(words(reference))));
    }

    private static List<String> words(String text) {
        return List.of(text.split(" "));
    }
}
