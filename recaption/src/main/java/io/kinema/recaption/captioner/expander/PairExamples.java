package io.kinema.recaption.captioner.expander;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.network.CaptionGraph;
import io.kinema.recaption.captioner.network.CaptionLengths;
import io.kinema.recaption.captioner.network.Words;
import io.kinema.recaption.captioner.training.Examples;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;

/** Pairs of a short caption and the detailed captions of the same clip. */
final class PairExamples implements Examples {
    private final List<String> prompts = new ArrayList<>();
    private final List<List<String>> detailed = new ArrayList<>();
    private final Words words;

    /**
     * Reads a data set. A clip gives its captions of style short and detailed if it has both, and otherwise its
     * shortest and its longest caption.
     *
     * @param data stays open
     */
    PairExamples(Dataset data) throws IOException {
        List<String> all = new ArrayList<>();
        try (ProgressBar bar =
                ProgressDisplay.bar("Reading", "clips", data.clips().size())) {
            for (ClipEntry entry : data.clips()) {
                add(data.read(entry).captions(), all);
                bar.step();
            }
        }
        if (prompts.isEmpty()) {
            throw new ConfigException("none of the " + data.clips().size()
                    + " clips has a short and a longer caption; caption them with launch/recaption.sh run,"
                    + " in both styles");
        }
        words = Words.of(all);
    }

    private void add(List<Caption> captions, List<String> all) {
        List<String> brief = texts(captions, Question.SHORT);
        List<String> longer = texts(captions, Question.DETAILED);
        if (brief.isEmpty() || longer.isEmpty()) {
            List<String> sorted = captions.stream()
                    .map(Caption::text)
                    .sorted((a, b) -> Words.split(a).size() - Words.split(b).size())
                    .toList();
            if (sorted.size() < 2
                    || Words.split(sorted.getFirst()).size()
                            == Words.split(sorted.getLast()).size()) {
                return;
            }
            brief = List.of(sorted.getFirst());
            longer = List.of(sorted.getLast());
        }
        for (String prompt : brief) {
            prompts.add(prompt);
            detailed.add(longer);
            all.add(prompt);
        }
        all.addAll(longer);
    }

    private static List<String> texts(List<Caption> captions, String style) {
        return captions.stream()
                .filter(caption -> caption.style().equals(style))
                .map(Caption::text)
                .toList();
    }

    Words words() {
        return words;
    }

    /** The most tokens of a detailed caption, its end included. */
    int maxTokens() {
        return Words.maxTokens(detailed);
    }

    @Override
    public int count() {
        return prompts.size();
    }

    /** The prompt: equal prompts are all learned from, or all held out. */
    @Override
    public String source(int index) {
        return prompts.get(index);
    }

    @Override
    public int inputColumns() {
        return 1;
    }

    @Override
    public void show(int index, double[] draws, float[] out, int offset) {
        write(words, prompts.get(index), out, offset);
    }

    /** Writes a prompt as the input of a {@link CaptionGraph.Prompt}: its first tokens, and padding. */
    static void write(Words words, String prompt, float[] out, int offset) {
        int[] numbers = words.numbers(prompt);
        for (int i = 0; i < CaptionGraph.Prompt.NUM_TOKENS; i++) {
            out[offset + i] = i < numbers.length ? numbers[i] : Words.PADDING;
        }
    }

    @Override
    public List<int[]> texts(int index) {
        return detailed.get(index).stream()
                .map(text -> words.tokens(CaptionLengths.tokenFor(Question.DETAILED), text))
                .toList();
    }

    @Override
    public void close() {
        // Everything is on the heap.
    }
}
