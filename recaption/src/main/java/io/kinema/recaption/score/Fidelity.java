package io.kinema.recaption.score;

import io.kinema.data.synth.SceneAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * How well videos follow their prompts: for each attribute that prompts name, the share of videos whose caption says
 * the same.
 *
 * @param numPrompts number of different prompts
 * @param numVideos number of videos of all prompts
 * @param attributes by name; {@code all} attributes together are last
 */
record Fidelity(int numPrompts, int numVideos, Map<String, Share> attributes) {
    static final String ALL = "all";

    private static final int RESAMPLES = 10_000;
    private static final long SEED = 1;

    /**
     * A share of videos.
     *
     * @param value 0 to 1
     * @param low the lower end of the 95 % interval
     * @param high the upper end
     */
    record Share(double value, double low, double high) {}

    /**
     * Compares prompts with captions.
     *
     * @param captions of the videos of each prompt
     * @return shares, with percentile intervals of a bootstrap over prompts (Efron and Tibshirani, 1993, section 13.3);
     *     videos of one prompt are alike, so they stay together
     */
    static Fidelity of(Map<String, List<String>> captions) {
        Map<String, Share> shares = new LinkedHashMap<>();
        List<int[]> right = new ArrayList<>();
        List<int[]> asked = new ArrayList<>();
        captions.forEach((prompt, ofPrompt) -> {
            int[] rightOfPrompt = new int[SceneAttributes.NAMES.size() + 1];
            int[] askedOfPrompt = new int[SceneAttributes.NAMES.size() + 1];
            ofPrompt.forEach(caption -> count(prompt, caption, rightOfPrompt, askedOfPrompt));
            right.add(rightOfPrompt);
            asked.add(askedOfPrompt);
        });
        for (int i = 0; i <= SceneAttributes.NAMES.size(); i++) {
            int attribute = i;
            long all = asked.stream().mapToLong(each -> each[attribute]).sum();
            if (all > 0) {
                String name = i < SceneAttributes.NAMES.size() ? SceneAttributes.NAMES.get(i) : ALL;
                shares.put(name, share(right, asked, attribute));
            }
        }
        int numVideos = captions.values().stream().mapToInt(List::size).sum();
        return new Fidelity(captions.size(), numVideos, shares);
    }

    private static void count(String prompt, String caption, int[] right, int[] asked) {
        List<String> wanted = SceneAttributes.of(prompt).values();
        List<String> found = SceneAttributes.of(caption).values();
        for (int i = 0; i < wanted.size(); i++) {
            if (!wanted.get(i).isEmpty()) {
                int isRight = wanted.get(i).equals(found.get(i)) ? 1 : 0;
                asked[i]++;
                right[i] += isRight;
                asked[wanted.size()]++;
                right[wanted.size()] += isRight;
            }
        }
    }

    private static Share share(List<int[]> right, List<int[]> asked, int attribute) {
        SplittableRandom random = new SplittableRandom(SEED);
        double[] means = new double[RESAMPLES];
        for (int i = 0; i < RESAMPLES; i++) {
            long sum = 0;
            long all = 0;
            for (int j = 0; j < right.size(); j++) {
                int prompt = random.nextInt(right.size());
                sum += right.get(prompt)[attribute];
                all += asked.get(prompt)[attribute];
            }
            means[i] = all == 0 ? 0 : sum / (double) all;
        }
        Arrays.sort(means);
        double value = right.stream().mapToLong(each -> each[attribute]).sum()
                / (double) asked.stream().mapToLong(each -> each[attribute]).sum();
        return new Share(value, means[(int) (0.025 * RESAMPLES)], means[(int) (0.975 * RESAMPLES) - 1]);
    }

    /** A table in Markdown. */
    String table() {
        StringBuilder table = new StringBuilder("| attribute | as asked | 95 % interval |\n|---|---:|---:|\n");
        attributes.forEach((name, share) -> table.append(String.format(
                Locale.ROOT,
                "| %s | %.1f %% | %.1f to %.1f |%n",
                name,
                100 * share.value(),
                100 * share.low(),
                100 * share.high())));
        return table.toString();
    }
}
