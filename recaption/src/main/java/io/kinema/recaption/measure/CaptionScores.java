package io.kinema.recaption.measure;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.shard.Caption;
import io.kinema.data.synth.SceneAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The quality of the captions of one captioner and style.
 *
 * @param style of the captions
 * @param origin kind of captioner
 * @param model which model
 * @param captions number of captions
 * @param bleu4 {@link Bleu}, 0 to 1
 * @param ciderD mean of {@link CiderD}, 0 to 10
 * @param confidence the captioner's own, on average
 * @param attributes of synthetic videos, by name; attributes that no caption names are missing
 */
record CaptionScores(
        String style,
        String origin,
        String model,
        int captions,
        double bleu4,
        double ciderD,
        double confidence,
        Map<String, Share> attributes) {
    private static final int MODEL_CHARACTERS = 12;

    /**
     * The share of right captions.
     *
     * @param right number of right captions
     * @param all number of all captions
     */
    record Share(int right, int all) {
        /** The standard normal's quantile of 97.5 %. */
        private static final double Z = 1.959964;

        double value() {
            return right / (double) all;
        }

        /** The lower and the upper end of the 95 % interval (Wilson, 1927). */
        double[] interval() {
            double spread = Z * Z / all;
            double centre = (value() + spread / 2) / (1 + spread);
            double half = Math.sqrt(value() * (1 - value()) * spread + spread * spread / 4) / (1 + spread);
            return new double[] {centre - half, centre + half};
        }
    }

    /** Collects the captions of one captioner and style. */
    static final class Collector {
        private static final Pattern NO_WORD = Pattern.compile("[^\\p{L}\\p{M}\\p{N}]+");

        private final String style;
        private final String origin;
        private final String model;
        private final List<List<String>> captions = new ArrayList<>();
        private final List<List<List<String>>> references = new ArrayList<>();
        private final int[] right = new int[SceneAttributes.NAMES.size()];
        private final int[] named = new int[SceneAttributes.NAMES.size()];
        private int numSynthetic;
        private int allRight;
        private double confidence;

        Collector(String style, String origin, String model) {
            this.style = style;
            this.origin = origin;
            this.model = model;
        }

        void add(Caption caption, List<String> ofSource) {
            captions.add(words(caption.text()));
            references.add(ofSource.stream().map(Collector::words).toList());
            confidence += caption.confidence();
            List<String> truth = ofSource.stream()
                    .map(text -> SceneAttributes.of(text).values())
                    .filter(values -> values.stream().noneMatch(String::isEmpty))
                    .findFirst()
                    .orElse(List.of());
            if (truth.isEmpty()) {
                return;
            }
            numSynthetic++;
            List<String> said = SceneAttributes.of(caption.text()).values();
            boolean isAllRight = true;
            for (int i = 0; i < said.size(); i++) {
                named[i] += said.get(i).isEmpty() ? 0 : 1;
                right[i] += said.get(i).equals(truth.get(i)) ? 1 : 0;
                isAllRight &= said.get(i).equals(truth.get(i));
            }
            allRight += isAllRight ? 1 : 0;
        }

        private static List<String> words(String text) {
            return Arrays.stream(NO_WORD.split(text.toLowerCase(Locale.ROOT)))
                    .filter(word -> !word.isEmpty())
                    .toList();
        }

        CaptionScores scores() {
            Map<String, Share> attributes = new LinkedHashMap<>();
            boolean isComplete = true;
            for (int i = 0; i < right.length; i++) {
                if (named[i] > 0) {
                    attributes.put(SceneAttributes.NAMES.get(i), new Share(right[i], numSynthetic));
                } else {
                    isComplete = false;
                }
            }
            if (isComplete && numSynthetic > 0) {
                attributes.put("all", new Share(allRight, numSynthetic));
            }
            return new CaptionScores(
                    style,
                    origin,
                    model,
                    captions.size(),
                    Bleu.score(captions, references),
                    Arrays.stream(CiderD.scores(captions, references)).average().orElse(0),
                    confidence / captions.size(),
                    attributes);
        }
    }

    /** All scores as a table in Markdown. */
    static String table(List<CaptionScores> all) {
        StringBuilder table = new StringBuilder("| style | captioner | captions | BLEU-4 | CIDEr-D | confidence |");
        List<String> names = new ArrayList<>(SceneAttributes.NAMES);
        names.add("all");
        names.removeIf(
                name -> all.stream().noneMatch(scores -> scores.attributes().containsKey(name)));
        names.forEach(name -> table.append(' ').append(name).append(" |"));
        table.append("\n|---|---|---:|---:|---:|---:|")
                .append("---:|".repeat(names.size()))
                .append('\n');
        for (CaptionScores scores : all) {
            String model = scores.model()
                    .substring(0, Math.min(MODEL_CHARACTERS, scores.model().length()));
            table.append(String.format(
                    Locale.ROOT,
                    "| %s | %s %s | %d | %.3f | %.2f | %.3f |",
                    scores.style(),
                    scores.origin(),
                    model,
                    scores.captions(),
                    scores.bleu4(),
                    scores.ciderD(),
                    scores.confidence()));
            for (String name : names) {
                Share share = scores.attributes().get(name);
                table.append(share == null ? " – |" : percent(share));
            }
            table.append('\n');
        }
        return table.toString();
    }

    private static String percent(Share share) {
        double[] interval = share.interval();
        return String.format(
                Locale.ROOT, " %.1f %% (%.1f to %.1f) |", 100 * share.value(), 100 * interval[0], 100 * interval[1]);
    }

    static String json(List<CaptionScores> all) {
        try {
            return JsonMapper.builder()
                            .enable(SerializationFeature.INDENT_OUTPUT)
                            .build()
                            .writeValueAsString(all)
                    + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("scores of plain values are always writable", e);
        }
    }
}
