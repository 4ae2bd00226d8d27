package io.kinema.recaption.captioner;

import io.kinema.data.order.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Writes texts with a model that predicts next tokens: by beam search for the likeliest text, or by sampling. The text
 * of a subject does not depend on the other subjects of a call, provided that the model's predictions do not.
 *
 * @param endToken the token that ends a text; not part of the result
 * @param maxTokens the most tokens to add to the beginning of a text; a text without an end by then is truncated
 */
public record TokenSearch(int endToken, int maxTokens) {
    /** Checks the length. */
    public TokenSearch {
        if (maxTokens < 1) {
            throw new IllegalArgumentException("texts of at most " + maxTokens + " tokens");
        }
    }

    /**
     * A finished or truncated text.
     *
     * @param tokens the added tokens, without the beginning and without the end token
     * @param logProbability of all added tokens, the end token included
     * @param ended whether the end token came
     */
    public record Text(int[] tokens, double logProbability, boolean ended) {
        /**
         * How sure the model is of the text.
         *
         * @return the geometric mean of the tokens' probabilities
         */
        public double confidence() {
            return Math.exp(meanLogProbability());
        }

        private double meanLogProbability() {
            return logProbability / Math.max(1, tokens.length + (ended ? 1 : 0));
        }
    }

    /** An unfinished text; {@code tokens} includes its beginning. */
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
     * Finds a likely text for each subject by beam search. Finished texts stay in the beam. In the end the text with
     * the best mean log-probability a token wins (length normalisation of Wu et al., 1609.08144, section 7, with α =
     * 1). Ties go to the lower token and the earlier beam.
     *
     * @param model predicts tokens
     * @param beginnings first tokens of each subject's text
     * @param width the number of texts kept for each subject; 1 is greedy
     * @return a text for each subject
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

    /** Adds a token to each unfinished text; returns false if all texts were finished. */
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
                        // A beam that is not full would take impossible tokens, and a text with an impossible end would
                        // win over all unfinished texts.
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
     * Draws a text for each subject, token by token.
     *
     * @param model predicts tokens
     * @param beginnings first tokens of each subject's text
     * @param temperature divides the log-probabilities before each draw; above 0
     * @param keys for each subject a number that, with {@code seed}, decides its draws
     * @param seed of the draws
     * @return a text for each subject
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
