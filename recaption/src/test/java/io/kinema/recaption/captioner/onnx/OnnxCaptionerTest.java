package io.kinema.recaption.captioner.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Measurements;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With a model whose captions can be worked out from the frames. */
class OnnxCaptionerTest {
    private static final int[] RED = {255, 0, 0};
    private static final int[] GREEN = {0, 255, 0};
    private static final int[] BLUE = {0, 0, 255};
    private static final int[] DARK_RED = {100, 0, 0};

    @TempDir
    Path folder;

    @BeforeEach
    void writeModel() throws IOException {
        new TinyOnnxModel().write(folder);
    }

    @Test
    void shouldSayWhatTheFrameShows() throws IOException {
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8))) {
            assertEquals("onnx", captioner.origin());
            assertEquals("a red turning ruby", text(captioner, clip("1", frame(RED, RED))));
            assertEquals("a green turning lime", text(captioner, clip("2", frame(GREEN, GREEN))));
            assertEquals("a blue turning navy", text(captioner, clip("3", frame(BLUE, BLUE))));
            // The left half first; dark red is below the middle of the scale, as all other channels are.
            assertEquals("a green turning navy", text(captioner, clip("4", frame(GREEN, BLUE))));
            assertEquals("a dim turning ruby", text(captioner, clip("5", frame(DARK_RED, RED))));
        }
    }

    @Test
    void shouldBeAsSureAsTheProbabilitiesOfItsTokens() throws IOException {
        TinyOnnxModel model = new TinyOnnxModel();
        double[] leftC = {200 / 127.5 - 1, 10 / 127.5 - 1, 60 / 127.5 - 1};
        double[] rightC = {30 / 127.5 - 1, 150 / 127.5 - 1, 90 / 127.5 - 1};
        double sum = 0;
        int last = 0;
        for (String word : List.of("a", "red", "turning", "lime", "</s>")) {
            sum += model.logProbabilities(last, leftC, rightC)[TinyOnnxModel.id(word)];
            last = TinyOnnxModel.id(word);
        }
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 1, 8))) {
            Clip clip = clip("1", frame(new int[] {200, 10, 60}, new int[] {30, 150, 90}));
            Answer answer = answer(captioner, clip, Question.SHORT, 0);
            assertEquals("a red turning lime", answer.text());
            assertEquals("", answer.problem());
            assertEquals(Math.exp(sum / 5), answer.confidence(), 1e-6);
        }
    }

    @Test
    void shouldSeeTheMiddleFrameOrSeveralInTheOrderOfTime() throws IOException {
        Clip clip = clip("1", frame(RED, RED), frame(GREEN, GREEN), frame(BLUE, BLUE));
        assertEquals("a green turning lime", textOf(clip, 1));
        // Of two halves of three frames the middles are the first and the last.
        assertEquals("a red turning navy", textOf(clip, 2));
        assertEquals("a red turning navy", textOf(clip, 3));
        Clip reversed = clip("1", frame(BLUE, BLUE), frame(GREEN, GREEN), frame(RED, RED));
        assertEquals("a blue turning ruby", textOf(reversed, 3));
        assertEquals("a blue turning ruby", textOf(clip("1", frame(BLUE, RED)), 5));
    }

    private String textOf(Clip clip, int numFrames) throws IOException {
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(numFrames, 4, 8))) {
            return text(captioner, clip);
        }
    }

    @Test
    void shouldShrinkLargerFrames() throws IOException {
        byte[] frameHWC = new byte[32 * 48 * 3];
        for (int i = 0; i < frameHWC.length; i++) {
            boolean left = i / 3 % 48 < 24;
            frameHWC[i] = (byte) (left ? BLUE : GREEN)[i % 3];
        }
        Clip clip =
                new Clip("1", "1.png", "", 0, 0, 0, 1, 32, 48, frameHWC, List.of(), "", Measurements.of(frameHWC, 1));
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8))) {
            assertEquals("a blue turning lime", text(captioner, clip));
        }
    }

    /**
     * After "a" one word has probability 0.6 and then six ways on, the other 0.4 and one: 0.1 against 0.4 for the
     * whole.
     */
    @Test
    void shouldFindWhatGreedySearchMisses() throws IOException {
        TinyOnnxModel model = new TinyOnnxModel();
        int a = TinyOnnxModel.id("a");
        Arrays.fill(model.followsVV[a], 0);
        model.followsVV[a][TinyOnnxModel.id("red")] = 20 + (float) Math.log(0.6);
        model.followsVV[a][TinyOnnxModel.id("green")] = 20 + (float) Math.log(0.4);
        Arrays.fill(model.followsVV[TinyOnnxModel.id("red")], 0);
        model.follows("red", "turning", "ruby", "lime", "navy", "please", "dim");
        Arrays.fill(model.followsVV[TinyOnnxModel.id("green")], 0);
        model.follows("green", "turning");
        Arrays.fill(model.followsVV[TinyOnnxModel.id("turning")], 0);
        model.follows("turning", "navy");
        Arrays.stream(model.firstCV).forEach(row -> Arrays.fill(row, 0));
        Arrays.stream(model.lastCV).forEach(row -> Arrays.fill(row, 0));
        model.write(folder);
        Clip clip = clip("1", frame(BLUE, BLUE));
        try (OnnxCaptioner greedy = OnnxCaptioner.open(settings(1, 1, 8));
                OnnxCaptioner wide = OnnxCaptioner.open(settings(1, 4, 8))) {
            assertTrue(text(greedy, clip).startsWith("a red"), text(greedy, clip));
            assertEquals("a green turning navy", text(wide, clip));
        }
    }

    @Test
    void shouldSayThatACaptionIsTruncated() throws IOException {
        Clip clip = clip("1", frame(RED, RED));
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 3, 4))) {
            Answer answer = answer(captioner, clip, Question.SHORT, 0);
            assertEquals("a red turning ruby", answer.text());
            assertEquals(Answer.TRUNCATED, answer.problem());
        }
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 3, 5))) {
            assertEquals("", answer(captioner, clip, Question.SHORT, 0).problem());
        }
    }

    @Test
    void shouldAnswerTheSameWhateverElseIsAsked() throws Exception {
        List<Question> questions = randomQuestions();
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(2, 3, 6))) {
            List<Answer> together = captioner.describe(questions);
            List<Question> reversed = new ArrayList<>(questions);
            Collections.reverse(reversed);
            assertEquals(together, captioner.describe(reversed).reversed());
            try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
                List<Future<List<Answer>>> each = questions.stream()
                        .map(question -> threads.submit(() -> captioner.describe(List.of(question))))
                        .toList();
                for (int i = 0; i < questions.size(); i++) {
                    assertEquals(List.of(together.get(i)), each.get(i).get());
                }
            }
            assertTrue(together.stream().map(Answer::text).distinct().count() > 6, together.toString());
        }
    }

    private static List<Question> randomQuestions() {
        Random random = new Random(5);
        List<Question> questions = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            byte[][] frames = new byte[1 + i % 4][];
            for (int t = 0; t < frames.length; t++) {
                frames[t] = frame(
                        random.ints(3, 0, 256).toArray(), random.ints(3, 0, 256).toArray());
            }
            questions.add(new Question(clip("clip " + i, frames), Question.DETAILED, i % 3));
        }
        return questions;
    }

    @Test
    void shouldDrawLaterAttemptsByClipAndAttemptAndSeed() throws IOException {
        OnnxSettings hot = new OnnxSettings(folder.toString(), 1, 2, 8, 2.5, 7);
        OnnxSettings otherSeed = new OnnxSettings(folder.toString(), 1, 2, 8, 2.5, 8);
        OnnxSettings cold = new OnnxSettings(folder.toString(), 1, 2, 8, 0.01, 7);
        try (OnnxCaptioner captioner = OnnxCaptioner.open(hot);
                OnnxCaptioner again = OnnxCaptioner.open(hot);
                OnnxCaptioner other = OnnxCaptioner.open(otherSeed);
                OnnxCaptioner sure = OnnxCaptioner.open(cold)) {
            assertEquals(drawn(captioner, 1), drawn(again, 1));
            assertNotEquals(drawn(captioner, 1), drawn(captioner, 2));
            assertNotEquals(drawn(captioner, 1), drawn(other, 1));
            assertTrue(Set.copyOf(drawn(captioner, 1)).size() > 4);
            assertEquals(Set.of("a red turning ruby"), Set.copyOf(drawn(sure, 1)));
        }
    }

    private static List<String> drawn(OnnxCaptioner captioner, int attempt) {
        return IntStream.range(0, 12)
                .mapToObj(i -> answer(captioner, clip("clip " + i, frame(RED, RED)), Question.SHORT, attempt))
                .map(Answer::text)
                .toList();
    }

    @Test
    void shouldBeginWithThePromptOfItsStyle() throws IOException {
        Files.writeString(folder.resolve("prompts.json"), "{\"short\": \"a green turning\", \"detailed\": \"please\"}");
        Clip clip = clip("1", frame(RED, BLUE));
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8))) {
            assertEquals("navy", answer(captioner, clip, Question.SHORT, 0).text());
            assertEquals(
                    "red turning navy",
                    answer(captioner, clip, Question.DETAILED, 0).text());
            assertEquals("navy", answer(captioner, clip, Question.SHORT, 1).text());
            assertNotEquals(captioner.promptHash(Question.SHORT), captioner.promptHash(Question.DETAILED));
        }
    }

    @Test
    void shouldTakeEveryPlaceWhereTheDecoderAsksForAMask() throws IOException {
        new TinyOnnxModel().writeDecoderWithMask().write(folder.resolve("decoder_model.onnx"));
        Clip clip = clip("1", frame(GREEN, BLUE));
        try (OnnxCaptioner masked = OnnxCaptioner.open(settings(3, 4, 8))) {
            new TinyOnnxModel().write(folder);
            try (OnnxCaptioner plain = OnnxCaptioner.open(settings(3, 4, 8))) {
                assertEquals(
                        plain.describe(List.of(new Question(clip, Question.SHORT, 0))),
                        masked.describe(List.of(new Question(clip, Question.SHORT, 0))));
            }
        }
    }

    @Test
    void shouldTellModelsAndQuestionsApart() throws IOException {
        String model;
        String prompt;
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8))) {
            model = captioner.model();
            prompt = captioner.promptHash(Question.SHORT);
            assertEquals(64, model.length());
            // Without prompts the styles are one question.
            assertEquals(prompt, captioner.promptHash(Question.DETAILED));
        }
        for (OnnxSettings other : List.of(
                settings(2, 4, 8),
                settings(1, 3, 8),
                settings(1, 4, 7),
                new OnnxSettings(folder.toString(), 1, 4, 8, 0.8, 0),
                new OnnxSettings(folder.toString(), 1, 4, 8, 0.7, 1))) {
            try (OnnxCaptioner captioner = OnnxCaptioner.open(other)) {
                assertEquals(model, captioner.model());
                assertNotEquals(prompt, captioner.promptHash(Question.SHORT));
            }
        }
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [1, 0]}");
        try (OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8))) {
            assertNotEquals(model, captioner.model());
            assertEquals(prompt, captioner.promptHash(Question.SHORT));
            assertEquals("a red turning ruby", text(captioner, clip("1", frame(RED, RED))));
        }
    }

    @Test
    void shouldCloseOnceOnly() throws IOException {
        OnnxCaptioner captioner = OnnxCaptioner.open(settings(1, 4, 8));
        captioner.close();
        captioner.close();
        assertThrows(IllegalStateException.class, () -> text(captioner, clip("1", frame(RED, RED))));
    }

    private OnnxSettings settings(int numFrames, int beamWidth, int maxTokens) {
        return new OnnxSettings(folder.toString(), numFrames, beamWidth, maxTokens, 0.7, 0);
    }

    private static String text(OnnxCaptioner captioner, Clip clip) {
        return answer(captioner, clip, Question.SHORT, 0).text();
    }

    private static Answer answer(OnnxCaptioner captioner, Clip clip, String style, int attempt) {
        return captioner.describe(List.of(new Question(clip, style, attempt))).getFirst();
    }

    private static byte[] frame(int[] leftC, int[] rightC) {
        byte[] frameHWC = new byte[TinyOnnxModel.SIZE * TinyOnnxModel.SIZE * 3];
        for (int i = 0; i < frameHWC.length; i++) {
            boolean left = i / 3 % TinyOnnxModel.SIZE < TinyOnnxModel.SIZE / 2;
            frameHWC[i] = (byte) (left ? leftC : rightC)[i % 3];
        }
        return frameHWC;
    }

    private static Clip clip(String id, byte[]... frames) {
        int frameBytes = frames[0].length;
        byte[] framesTHWC = new byte[frames.length * frameBytes];
        for (int t = 0; t < frames.length; t++) {
            System.arraycopy(frames[t], 0, framesTHWC, t * frameBytes, frameBytes);
        }
        return new Clip(
                id,
                "1.mp4",
                "",
                0,
                frames.length,
                1,
                frames.length,
                TinyOnnxModel.SIZE,
                TinyOnnxModel.SIZE,
                framesTHWC,
                List.of(),
                "",
                Measurements.of(framesTHWC, frames.length));
    }
}
