package io.kinema.recaption.measure;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * CIDEr-D: the similarity of a caption and its references in rare runs of words (Vedantam et al., 1411.5726, sections 3
 * and 5). The weight of a run of n words is its count times log(clips / clips with the run in a reference). A caption's
 * weights are clipped to the reference's. A Gaussian of σ = 6 words penalises a difference in length. Words are not
 * stemmed.
 */
public final class CiderD {
    private static final double SIGMA = 6;
    private static final double SCALE = 10;

    private CiderD() {}

    /**
     * Scores captions.
     *
     * @param captions one of each clip, in words
     * @param references of each clip, at least one, in words
     * @return each clip's score, 0 to 10; the score of a corpus is their mean. The score of a single clip is 0: every
     *     run is in all clips
     */
    public static double[] scores(List<List<String>> captions, List<List<List<String>>> references) {
        if (captions.size() != references.size()) {
            throw new IllegalArgumentException(captions.size() + " captions, references of " + references.size());
        }
        double[] scores = new double[captions.size()];
        for (int n = 1; n <= NGrams.MAX_LENGTH; n++) {
            Map<List<String>, Integer> clipsWith = clipsWith(references, n);
            for (int i = 0; i < scores.length; i++) {
                Map<List<String>, Double> caption = weights(captions.get(i), n, clipsWith, scores.length);
                double sum = 0;
                for (List<String> reference : references.get(i)) {
                    double longer = captions.get(i).size() - reference.size();
                    sum += Math.exp(-longer * longer / (2 * SIGMA * SIGMA))
                            * similarity(caption, weights(reference, n, clipsWith, scores.length));
                }
                scores[i] += SCALE * sum / references.get(i).size() / NGrams.MAX_LENGTH;
            }
        }
        return scores;
    }

    private static Map<List<String>, Integer> clipsWith(List<List<List<String>>> references, int n) {
        Map<List<String>, Integer> clips = new HashMap<>();
        for (List<List<String>> ofClip : references) {
            Set<List<String>> runs = new HashSet<>();
            ofClip.forEach(reference -> runs.addAll(NGrams.count(reference, n).keySet()));
            runs.forEach(run -> clips.merge(run, 1, Integer::sum));
        }
        return clips;
    }

    private static Map<List<String>, Double> weights(
            List<String> words, int n, Map<List<String>, Integer> clipsWith, int numClips) {
        Map<List<String>, Double> weights = new HashMap<>();
        NGrams.count(words, n)
                .forEach((run, count) -> weights.put(
                        run, count * Math.log(numClips / (double) Math.max(1, clipsWith.getOrDefault(run, 0)))));
        return weights;
    }

    private static double similarity(Map<List<String>, Double> caption, Map<List<String>, Double> reference) {
        double product = 0;
        for (Map.Entry<List<String>, Double> run : caption.entrySet()) {
            double wanted = reference.getOrDefault(run.getKey(), 0.0);
            product += Math.min(run.getValue(), wanted) * wanted;
        }
        double norms = norm(caption) * norm(reference);
        return norms == 0 ? 0 : product / norms;
    }

    private static double norm(Map<List<String>, Double> weights) {
        return Math.sqrt(
                weights.values().stream().mapToDouble(weight -> weight * weight).sum());
    }
}
