package io.kinema.recaption.measure;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Against values worked out by hand. Every run occurs in one of two clips, so each weighs ln 2 times its count. */
class CiderDTest {
    /**
     * The first: words and pairs are alike, longer runs there are none, 10·2/4. The second: one of two words, cosine
     * 1/√2, a word too short, 10·e^(−1/72)/√2/4.
     */
    @Test
    void shouldBeTheMeanOfCosinesWithALengthPenalty() {
        double[] scores =
                CiderD.scores(List.of(words("a b"), words("c")), List.of(List.of(words("a b")), List.of(words("c d"))));
        assertArrayEquals(new double[] {5, 1.743384}, scores, 1e-6);
    }

    /** Twice the word weighs no more than the reference's one: cosine 1/2, a word too long. */
    @Test
    void shouldClipWeightsToTheReferences() {
        double[] scores =
                CiderD.scores(List.of(words("a a"), words("b")), List.of(List.of(words("a")), List.of(words("b"))));
        assertEquals(1.232759, scores[0], 1e-6);
        assertEquals(2.5, scores[1], 1e-12);
    }

    @Test
    void shouldGiveNothingForWordsThatEveryClipHas() {
        double[] scores = CiderD.scores(
                List.of(words("the a"), words("the")), List.of(List.of(words("the a")), List.of(words("the b"))));
        // the weighs nothing; of the first the word a and the pair "the a" are right.
        assertArrayEquals(new double[] {5, 0}, scores, 1e-12);
    }

    /** One reference is right in words and pairs, the other has nothing in common: half of 5. */
    @Test
    void shouldAverageOverReferences() {
        double[] scores = CiderD.scores(
                List.of(words("a b"), words("c d")),
                List.of(List.of(words("a b"), words("e f")), List.of(words("c d"))));
        assertArrayEquals(new double[] {2.5, 5}, scores, 1e-12);
    }

    private static List<String> words(String text) {
        return List.of(text.split(" "));
    }
}
