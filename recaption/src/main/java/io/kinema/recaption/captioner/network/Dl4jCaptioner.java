package io.kinema.recaption.captioner.network;

import io.kinema.data.shard.Sha256;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.TokenSearch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.linalg.factory.Nd4j;

/** A captioner trained by {@code launch/recaption.sh train}. */
final class Dl4jCaptioner implements Captioner {
    /** Clips that are encoded together. */
    private static final int BATCH = 16;

    private final Dl4jSettings settings;
    private final CaptionModel model;
    private final String sha256;
    private final Words words;
    private final Pictures pictures;
    private final CaptionWriter writer;

    Dl4jCaptioner(Dl4jSettings settings) throws IOException {
        CaptionModel.Loaded loaded = CaptionModel.read(settings.modelFolder(), CaptionModel.CAPTIONER);
        this.settings = settings;
        this.model = loaded.model();
        this.sha256 = loaded.sha256();
        this.words = new Words(model.words());
        this.pictures = new Pictures(model.numFrames(), model.side());
        this.writer = new CaptionWriter(model.graph(), loaded.graph());
    }

    @Override
    public String origin() {
        return "dl4j";
    }

    @Override
    public String model() {
        return sha256;
    }

    @Override
    public String promptHash(String style) {
        String asked = "length token " + CaptionLengths.tokenFor(style) + ", beam " + settings.beamWidth()
                + ", temperature " + settings.temperature() + ", seed " + settings.seed() + ", at most "
                + model.maxTokens() + " tokens";
        return Sha256.of(asked.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public synchronized List<Answer> describe(List<Question> questions) {
        List<Answer> answers = new ArrayList<>();
        while (answers.size() < questions.size()) {
            int from = answers.size();
            int to = from + 1;
            while (to < Math.min(questions.size(), from + BATCH)
                    && questions.get(to).attempt() == questions.get(from).attempt()) {
                to++;
            }
            answers.addAll(answers(questions.subList(from, to)));
        }
        return answers;
    }

    /** Answers questions of the same attempt. */
    private List<Answer> answers(List<Question> questions) {
        float[] seen = new float[questions.size() * pictures.numValues()];
        int[][] beginnings = new int[questions.size()][];
        long[] keys = new long[questions.size()];
        int[] all = IntStream.range(0, model.numFrames()).toArray();
        for (int i = 0; i < questions.size(); i++) {
            Question question = questions.get(i);
            pictures.toInput(pictures.of(question.clip()), all, Pictures.View.PLAIN, seen, i * pictures.numValues());
            beginnings[i] = new int[] {CaptionLengths.tokenFor(question.style())};
            keys[i] = Sha256.word(question.clip().id() + " " + question.style());
        }
        writer.show(Nd4j.create(seen, new long[] {seen.length / Pictures.CHANNELS, Pictures.CHANNELS}, 'c'));
        TokenSearch search = new TokenSearch(Words.END, model.maxTokens());
        int attempt = questions.getFirst().attempt();
        List<TokenSearch.Text> texts = attempt == 0
                ? search.beamSearch(writer, beginnings, settings.beamWidth())
                : search.sample(writer, beginnings, settings.temperature(), keys, settings.seed() + attempt);
        return texts.stream()
                .map(text ->
                        new Answer(words.text(text.tokens()), text.confidence(), text.ended() ? "" : Answer.TRUNCATED))
                .toList();
    }

    @Override
    public void close() {
        // Its memory goes with it.
    }
}
