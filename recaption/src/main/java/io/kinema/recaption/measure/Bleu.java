package io.kinema.recaption.measure;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * BLEU-4 of a corpus: the geometric mean of the clipped precisions of runs of 1 to 4 words, times the brevity penalty,
 * with uniform weights and without smoothing (Papineni et al., ACL 2002, section 2.3).
 */
public final class Bleu {
    private Bleu() {}

    /**
     * Scores captions.
     *
     * @param captions one of each clip, in words
     * @param references of each clip, at least one, in words
     * @return 0 to 1; 0 if no run of four words is right
     */
    public static double score(List<List<String>> captions, List<List<List<String>>> references) {
        if (captions.isEmpty() || captions.size() != references.size()) {
            throw new IllegalArgumentException(captions.size() + " captions, references of " + references.size());
        }
        long length = 0;
        long referenceLength = 0;
        for (int i = 0; i < captions.size(); i++) {
            length += captions.get(i).size();
            referenceLength += closestLength(captions.get(i).size(), references.get(i));
        }
        double logPrecision = 0;
        for (int n = 1; n <= NGrams.MAX_LENGTH; n++) {
            long right = 0;
            long all = 0;
            for (int i = 0; i < captions.size(); i++) {
                Map<List<String>, Integer> allowed = most(references.get(i), n);
                for (Map.Entry<List<String>, Integer> run :
                        NGrams.count(captions.get(i), n).entrySet()) {
                    all += run.getValue();
                    right += Math.min(run.getValue(), allowed.getOrDefault(run.getKey(), 0));
                }
            }
            if (right == 0) {
                return 0;
            }
            logPrecision += Math.log(right / (double) all) / NGrams.MAX_LENGTH;
        }
        double logBrevity = Math.min(0, 1 - referenceLength / (double) length);
        return Math.exp(logBrevity + logPrecision);
    }

    /** The length of the reference that is nearest in length to the caption; of two, the shorter length. */
    private static int closestLength(int length, List<List<String>> references) {
        int closest = references.getFirst().size();
        for (List<String> reference : references) {
            int distance = Math.abs(reference.size() - length) - Math.abs(closest - length);
            if (distance < 0 || distance == 0 && reference.size() < closest) {
                closest = reference.size();
            }
        }
        return closest;
    }

    /** The count of a run in the reference with the most of it. */
    private static Map<List<String>, Integer> most(List<List<String>> references, int n) {
        Map<List<String>, Integer> most = new HashMap<>();
        for (List<String> reference : references) {
            NGrams.count(reference, n).forEach((run, count) -> most.merge(run, count, Math::max));
        }
        return most;
    }
}
