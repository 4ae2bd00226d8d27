package io.kinema.recaption.captioner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class TokenSearchTest {
    private static final int VOCABULARY = 4;
    private static final int START = 3;
    private static final int END = 1;

    /** What comes next follows from the subject and all tokens so far, by chance. */
    private static final NextToken RANDOM = (texts, subjects) -> {
        float[][] next = new float[texts.length][];
        for (int row = 0; row < texts.length; row++) {
            Random random = new Random(31L * Arrays.hashCode(texts[row]) + subjects[row]);
            next[row] = softmax(random.doubles(VOCABULARY).map(each -> 3 * each).toArray());
        }
        return next;
    };

    @Test
    void shouldFindTheBestOfAllTextsWithAWideBeam() {
        TokenSearch search = new TokenSearch(END, 5);
        List<TokenSearch.Text> found = search.beamSearch(RANDOM, beginnings(20), 1000);
        for (int subject = 0; subject < found.size(); subject++) {
            TokenSearch.Text best = best(allTexts(subject, 5));
            assertText(best, found.get(subject));
            assertTrue(best.ended());
        }
    }

    @Test
    void shouldPreferATextThatHasEnded() {
        // The end has one chance in a thousand each time.
        NextToken reluctant = (texts, subjects) -> repeat(texts.length, softmax(new double[] {0, -7, 0.1, 0.2}));
        TokenSearch.Text wide = new TokenSearch(END, 3)
                .beamSearch(reluctant, beginnings(1), 1000)
                .getFirst();
        assertTrue(wide.ended());
        assertArrayEquals(new int[] {3, 3}, wide.tokens());
        TokenSearch.Text narrow =
                new TokenSearch(END, 3).beamSearch(reluctant, beginnings(1), 2).getFirst();
        assertFalse(narrow.ended());
        assertArrayEquals(new int[] {3, 3, 3}, narrow.tokens());
        double each = softmax(new double[] {0, -7, 0.1, 0.2})[3];
        assertEquals(3 * each, narrow.logProbability(), 1e-6);
        assertEquals(Math.exp(each), narrow.confidence(), 1e-6);
    }

    private static List<TokenSearch.Text> allTexts(int subject, int maxTokens) {
        List<TokenSearch.Text> all = new ArrayList<>();
        addTexts(new int[] {START, subject % 3}, 0, subject, maxTokens, all);
        return all;
    }

    private static void addTexts(int[] tokens, double sum, int subject, int left, List<TokenSearch.Text> all) {
        if (left == 0) {
            all.add(new TokenSearch.Text(Arrays.copyOfRange(tokens, 2, tokens.length), sum, false));
            return;
        }
        float[] next = RANDOM.logProbabilities(new int[][] {tokens}, new int[] {subject})[0];
        for (int token = 0; token < VOCABULARY; token++) {
            if (token == END) {
                all.add(new TokenSearch.Text(Arrays.copyOfRange(tokens, 2, tokens.length), sum + next[token], true));
            } else {
                addTexts(plus(tokens, token), sum + next[token], subject, left - 1, all);
            }
        }
    }

    private static TokenSearch.Text best(List<TokenSearch.Text> texts) {
        return texts.stream()
                .filter(TokenSearch.Text::ended)
                .reduce((one, other) -> other.confidence() > one.confidence() ? other : one)
                .orElseThrow();
    }

    @Test
    void shouldTakeTheLikeliestTokenEachTimeWithABeamOfOne() {
        List<TokenSearch.Text> found = new TokenSearch(END, 6).beamSearch(RANDOM, beginnings(20), 1);
        boolean[] ended = new boolean[2];
        for (int subject = 0; subject < found.size(); subject++) {
            int[] tokens = {START, subject % 3};
            double sum = 0;
            int next = -1;
            for (int added = 0; added < 6 && next != END; added++) {
                float[] logProbabilities = RANDOM.logProbabilities(new int[][] {tokens}, new int[] {subject})[0];
                next = IntStream.range(0, VOCABULARY)
                        .reduce(0, (one, other) -> logProbabilities[other] > logProbabilities[one] ? other : one);
                sum += logProbabilities[next];
                tokens = next == END ? tokens : plus(tokens, next);
            }
            assertText(
                    new TokenSearch.Text(Arrays.copyOfRange(tokens, 2, tokens.length), sum, next == END),
                    found.get(subject));
            ended[next == END ? 1 : 0] = true;
        }
        assertTrue(ended[0] && ended[1], "some texts end and some are truncated");
    }

    @Test
    void shouldBeatGreedySearchWhereABetterTextBeginsWorse() {
        // 0.55 for 0, then three equal ways; 0.45 for 2, then the end.
        NextToken model = (texts, subjects) -> {
            float[][] next = new float[texts.length][];
            for (int row = 0; row < texts.length; row++) {
                int last = texts[row][texts[row].length - 1];
                double[] probabilities = switch (last) {
                    case START -> new double[] {0.55, 0, 0.45, 0};
                    case 0 -> new double[] {0.3, 0.4, 0.3, 0};
                    default -> new double[] {0, 1, 0, 0};
                };
                next[row] = logarithms(probabilities);
            }
            return next;
        };
        int[][] beginning = {{START}};
        TokenSearch search = new TokenSearch(END, 4);
        assertArrayEquals(
                new int[] {0}, search.beamSearch(model, beginning, 1).getFirst().tokens());
        TokenSearch.Text better = search.beamSearch(model, beginning, 2).getFirst();
        assertArrayEquals(new int[] {2}, better.tokens());
        assertEquals(Math.sqrt(0.45), better.confidence(), 1e-6);
    }

    @Test
    void shouldGiveTiesToTheLowerTokenAndTheEarlierBeam() {
        NextToken uniform = (texts, subjects) -> repeat(texts.length, softmax(new double[VOCABULARY]));
        for (int width : new int[] {1, 2, 3}) {
            TokenSearch.Text text = new TokenSearch(3, 3)
                    .beamSearch(uniform, beginnings(1), width)
                    .getFirst();
            assertArrayEquals(new int[] {0, 0, 0}, text.tokens());
            assertFalse(text.ended());
        }
        // Two words as likely as each other, then the end: the beam of the lower one comes first.
        NextToken twins = (texts, subjects) -> {
            boolean begins = texts[0].length == 1;
            return repeat(texts.length, logarithms(begins ? new double[] {0, 0, 0.5, 0.5} : new double[] {0, 1, 0, 0}));
        };
        TokenSearch.Text text =
                new TokenSearch(END, 3).beamSearch(twins, new int[][] {{0}}, 4).getFirst();
        assertArrayEquals(new int[] {2}, text.tokens());
        assertTrue(text.ended());
    }

    @Test
    void shouldNeitherAddNorDrawWhatIsImpossible() {
        NextToken onlyTwo = (texts, subjects) -> repeat(texts.length, logarithms(new double[] {0, 0, 1, 0}));
        TokenSearch search = new TokenSearch(END, 3);
        assertArrayEquals(
                new int[] {2, 2, 2},
                search.beamSearch(onlyTwo, beginnings(1), 4).getFirst().tokens());
        long[] keys = LongStream.range(0, 100).toArray();
        for (TokenSearch.Text text : search.sample(onlyTwo, beginnings(100), 5, keys, 1)) {
            assertArrayEquals(new int[] {2, 2, 2}, text.tokens());
            assertEquals(1, text.confidence());
            assertFalse(text.ended());
        }
    }

    @Test
    void shouldEndAtOnceWhereThatIsLikeliest() {
        NextToken end = (texts, subjects) -> repeat(texts.length, softmax(new double[] {0, 9, 0, 0}));
        TokenSearch.Text text =
                new TokenSearch(END, 3).beamSearch(end, beginnings(1), 3).getFirst();
        assertEquals(0, text.tokens().length);
        assertTrue(text.ended());
        assertEquals(Math.exp(text.logProbability()), text.confidence(), 1e-12);
    }

    @Test
    void shouldWriteOfASubjectTheSameWhateverOthersThereAre() {
        TokenSearch search = new TokenSearch(END, 6);
        long[] keys = new Random(3).longs(12, 0, 1L << 32).toArray();
        List<TokenSearch.Text> searched = search.beamSearch(RANDOM, beginnings(12), 3);
        List<TokenSearch.Text> drawn = search.sample(RANDOM, beginnings(12), 1.5, keys, 9);
        for (int subject = 0; subject < 12; subject++) {
            int offset = subject;
            NextToken alone = (texts, subjects) -> RANDOM.logProbabilities(
                    texts, Arrays.stream(subjects).map(i -> i + offset).toArray());
            int[][] beginning = {{START, subject % 3}};
            assertText(
                    searched.get(subject),
                    search.beamSearch(alone, beginning, 3).getFirst());
            assertText(
                    drawn.get(subject),
                    search.sample(alone, beginning, 1.5, new long[] {keys[subject]}, 9)
                            .getFirst());
        }
        assertNotEquals(tokens(drawn), tokens(search.sample(RANDOM, beginnings(12), 1.5, keys, 10)));
    }

    @Test
    void shouldDrawTokensAsOftenAsTheyAreLikely() {
        double[] logits = {0.3, -0.4, 1.1, 0};
        int numDraws = 40_000;
        for (double temperature : new double[] {0.5, 1, 2}) {
            NextToken model = (texts, subjects) -> repeat(texts.length, softmax(logits));
            long[] keys = LongStream.range(0, numDraws).toArray();
            List<TokenSearch.Text> texts =
                    new TokenSearch(END, 2).sample(model, beginnings(numDraws), temperature, keys, 17);
            int[] counts = new int[VOCABULARY];
            int[] pairs = new int[2];
            for (TokenSearch.Text text : texts) {
                counts[text.tokens().length == 0 ? END : text.tokens()[0]]++;
                if (text.tokens().length > 0 && text.tokens()[0] == 2) {
                    boolean again = text.tokens().length == 2 && text.tokens()[1] == 2;
                    pairs[again ? 1 : 0]++;
                }
            }
            float[] expected = softmax(
                    Arrays.stream(logits).map(each -> each / temperature).toArray());
            for (int token = 0; token < VOCABULARY; token++) {
                assertFrequency(Math.exp(expected[token]), counts[token], numDraws);
            }
            // The second draw does not depend on the first.
            assertFrequency(Math.exp(expected[2]), pairs[1], pairs[0] + pairs[1]);
        }
    }

    /** Within four standard deviations. */
    private static void assertFrequency(double probability, int count, int numDraws) {
        double deviation = Math.sqrt(probability * (1 - probability) / numDraws);
        assertEquals(probability, (double) count / numDraws, 4 * deviation);
    }

    @Test
    void shouldCountWhatTheModelThinksOfADrawnText() {
        long[] keys = {5, 6, 7, 8, 9, 10};
        for (TokenSearch.Text text : new TokenSearch(END, 4).sample(RANDOM, beginnings(6), 3, keys, 2)) {
            List<TokenSearch.Text> all = new ArrayList<>();
            for (int subject = 0; subject < 6; subject++) {
                all.addAll(allTexts(subject, 4));
            }
            assertTrue(all.stream()
                    .anyMatch(each -> Arrays.equals(each.tokens(), text.tokens())
                            && each.ended() == text.ended()
                            && Math.abs(each.logProbability() - text.logProbability()) < 1e-9));
        }
    }

    @Test
    void shouldNotWriteTextsOfNoTokens() {
        assertThrows(IllegalArgumentException.class, () -> new TokenSearch(END, 0));
    }

    private static int[][] beginnings(int numSubjects) {
        return IntStream.range(0, numSubjects)
                .mapToObj(subject -> new int[] {START, subject % 3})
                .toArray(int[][]::new);
    }

    private static void assertText(TokenSearch.Text expected, TokenSearch.Text actual) {
        assertArrayEquals(expected.tokens(), actual.tokens());
        assertEquals(expected.ended(), actual.ended());
        assertEquals(expected.logProbability(), actual.logProbability(), 1e-9);
    }

    private static List<List<Integer>> tokens(List<TokenSearch.Text> texts) {
        return texts.stream()
                .map(text -> Arrays.stream(text.tokens()).boxed().toList())
                .toList();
    }

    private static int[] plus(int[] tokens, int token) {
        int[] longer = Arrays.copyOf(tokens, tokens.length + 1);
        longer[tokens.length] = token;
        return longer;
    }

    private static float[][] repeat(int numRows, float[] row) {
        return IntStream.range(0, numRows).mapToObj(i -> row.clone()).toArray(float[][]::new);
    }

    private static float[] logarithms(double[] probabilities) {
        float[] logarithms = new float[probabilities.length];
        for (int i = 0; i < logarithms.length; i++) {
            logarithms[i] = (float) Math.log(probabilities[i]);
        }
        return logarithms;
    }

    private static float[] softmax(double[] logits) {
        double sum = Arrays.stream(logits).map(Math::exp).sum();
        return logarithms(
                Arrays.stream(logits).map(each -> Math.exp(each) / sum).toArray());
    }
}
