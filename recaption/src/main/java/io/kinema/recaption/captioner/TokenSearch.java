package io.kinema.recaption.captioner;

import io.kinema.data.order.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Turns a model that continues texts into one that writes them. Each subject's text is a function of that subject,
 * whatever others are written beside it, as far as the model's numbers are.
 *
 * @param endToken what ends a text; it is not part of the result
 * @param maxTokens the most tokens to add to what a text begins with; one that has not ended then is truncated
 */
public record TokenSearch(int endToken, int maxTokens) {
    public TokenSearch {
        if (maxTokens < 1) {
            throw new IllegalArgumentException("texts of at most " + maxTokens + " tokens");
        }
    }

    /**
     * A text.
     *
     * @param tokens what was added to its beginning, without the end token
     * @param logProbability of all that was added, the end token included
     * @param ended whether it came to its end
     */
    public record Text(int[] tokens, double logProbability, boolean ended) {
        /** The geometric mean of the tokens' probabilities. */
        public double confidence() {
            return Math.exp(meanLogProbability());
        }

        private double meanLogProbability() {
            return logProbability / Math.max(1, tokens.length + (ended ? 1 : 0));
        }
    }

    /** A text that grows; {@code tokens} has its beginning too. */
    private record Beam(int[] tokens, double logProbability, boolean ended) {
        Beam plus(int token, double logProbabilityOfToken, boolean ends) {
            int[] longer = ends ? tokens : Arrays.copyOf(tokens, tokens.length + 1);
            if (!ends) {
                longer[tokens.length] = token;
            }
            return new Beam(longer, logProbability + logProbabilityOfToken, ends);
        }
    }

    /**
     * The likeliest text of each subject, as far as a beam search finds it. Texts that have ended stay in the beam; of
     * those left at last the one with the best mean log-probability of its tokens wins (length normalisation of Wu et
     * al., 1609.08144, section 7, with α = 1). Ties go to the lower token and the earlier beam.
     *
     * @param model what continues texts
     * @param beginnings what each subject's text begins with
     * @param width how many texts of each subject are kept; 1 is greedy
     */
    public List<Text> beamSearch(NextToken model, int[][] beginnings, int width) {
        List<List<Beam>> beams = new ArrayList<>();
        for (int[] beginning : beginnings) {
            beams.add(List.of(new Beam(beginning, 0, false)));
        }
        for (int added = 0; added < maxTokens; added++) {
            if (!grow(model, beams, width)) {
                break;
            }
        }
        List<Text> texts = new ArrayList<>();
        for (int i = 0; i < beginnings.length; i++) {
            int begins = beginnings[i].length;
            texts.add(beams.get(i).stream()
                    .map(beam -> text(beam, begins))
                    .max(Comparator.comparing(Text::ended).thenComparingDouble(Text::meanLogProbability))
                    .orElseThrow());
        }
        return texts;
    }

    private static Text text(Beam beam, int begins) {
        return new Text(
                Arrays.copyOfRange(beam.tokens(), begins, beam.tokens().length), beam.logProbability(), beam.ended());
    }

    /** Adds a token to each text that has not ended; says whether there was one. */
    private boolean grow(NextToken model, List<List<Beam>> beams, int width) {
        List<int[]> texts = new ArrayList<>();
        List<Integer> subjects = new ArrayList<>();
        for (int i = 0; i < beams.size(); i++) {
            for (Beam beam : beams.get(i)) {
                if (!beam.ended()) {
                    texts.add(beam.tokens());
                    subjects.add(i);
                }
            }
        }
        if (texts.isEmpty()) {
            return false;
        }
        float[][] next = model.logProbabilities(
                texts.toArray(int[][]::new),
                subjects.stream().mapToInt(Integer::intValue).toArray());
        int row = 0;
        for (int i = 0; i < beams.size(); i++) {
            List<Beam> grown = new ArrayList<>();
            for (Beam beam : beams.get(i)) {
                if (beam.ended()) {
                    grown.add(beam);
                } else {
                    for (int token : best(next[row], width)) {
                        // A beam with room would take what cannot be, and an end that cannot be would go before all
                        // texts that have none.
                        if (next[row][token] != Float.NEGATIVE_INFINITY) {
                            grown.add(beam.plus(token, next[row][token], token == endToken));
                        }
                    }
                    row++;
                }
            }
            // Stable, so that ties stay in order.
            grown.sort(Comparator.comparingDouble(Beam::logProbability).reversed());
            beams.set(i, List.copyOf(grown.subList(0, Math.min(width, grown.size()))));
        }
        return true;
    }

    private static int[] best(float[] logProbabilities, int count) {
        int[] best = new int[Math.min(count, logProbabilities.length)];
        Arrays.fill(best, -1);
        for (int token = 0; token < logProbabilities.length; token++) {
            int at = best.length;
            while (at > 0 && (best[at - 1] < 0 || logProbabilities[token] > logProbabilities[best[at - 1]])) {
                at--;
            }
            if (at < best.length) {
                System.arraycopy(best, at, best, at + 1, best.length - 1 - at);
                best[at] = token;
            }
        }
        return best;
    }

    /**
     * A text of each subject that is drawn token by token.
     *
     * @param model what continues texts
     * @param beginnings what each subject's text begins with
     * @param temperature what log-probabilities are divided by before one is drawn; above 0
     * @param keys for each subject what its draws follow from, together with {@code seed}
     * @param seed of the draws
     */
    public List<Text> sample(NextToken model, int[][] beginnings, double temperature, long[] keys, long seed) {
        Philox random = new Philox(seed);
        Beam[] texts =
                Arrays.stream(beginnings).map(each -> new Beam(each, 0, false)).toArray(Beam[]::new);
        for (int added = 0; added < maxTokens; added++) {
            int[] open = openOf(texts);
            if (open.length == 0) {
                break;
            }
            int[][] tokens =
                    Arrays.stream(open).mapToObj(i -> texts[i].tokens()).toArray(int[][]::new);
            float[][] next = model.logProbabilities(tokens, open);
            for (int row = 0; row < open.length; row++) {
                int i = open[row];
                int token = draw(next[row], temperature, random.uniform(Philox.Purpose.CAPTION, added, keys[i], 0));
                texts[i] = texts[i].plus(token, next[row][token], token == endToken);
            }
        }
        List<Text> drawn = new ArrayList<>();
        for (int i = 0; i < texts.length; i++) {
            drawn.add(text(texts[i], beginnings[i].length));
        }
        return drawn;
    }

    private static int[] openOf(Beam[] texts) {
        return IntStream.range(0, texts.length).filter(i -> !texts[i].ended()).toArray();
    }

    private static int draw(float[] logProbabilities, double temperature, double uniform) {
        double largest = Double.NEGATIVE_INFINITY;
        for (float each : logProbabilities) {
            largest = Math.max(largest, each);
        }
        double[] weights = new double[logProbabilities.length];
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = Math.exp((logProbabilities[i] - largest) / temperature);
            sum += weights[i];
        }
        double left = uniform * sum;
        int token = 0;
        while (token < weights.length - 1 && left >= weights[token]) {
            left -= weights[token++];
        }
        return token;
    }
}
