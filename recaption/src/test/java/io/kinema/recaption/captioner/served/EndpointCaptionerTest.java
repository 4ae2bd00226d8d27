package io.kinema.recaption.captioner.served;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Measurements;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.ServerUsage;
import io.kinema.recaption.captioner.served.ChatServer.Reply;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class EndpointCaptionerTest {
    private static final Prompts PROMPTS =
            new Prompts("{frames} frames, {seconds} s. Hints: {captions}", "Describe. Hints: {captions}");

    @Test
    void shouldShowFramesFromTheFirstToTheLastAsJpegsOfTheRightSize() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.text("a scene"));
                EndpointCaptioner captioner = captioner(server, 4, 32)) {
            captioner.describe(List.of(new Question(clip(10, 48, 96, List.of()), Question.SHORT, 0)));

            List<BufferedImage> images = images(server.calls().getFirst().body());
            assertEquals(4, images.size());
            int[] frameIndices = {0, 3, 6, 9};
            for (int i = 0; i < 4; i++) {
                assertEquals(32, images.get(i).getWidth());
                assertEquals(16, images.get(i).getHeight());
                int middle = images.get(i).getRGB(16, 8);
                assertEquals(20 * frameIndices[i], middle >> 16 & 255, 3, "red of picture " + i);
                assertEquals(200, middle >> 8 & 255, 3, "green of picture " + i);
                assertEquals(40, middle & 255, 3, "blue of picture " + i);
            }
        }
    }

    @Test
    void shouldShowSmallFramesAsTheyAreAndAStillPictureOnce() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.text("a scene"));
                EndpointCaptioner captioner = captioner(server, 4, 512)) {
            captioner.describe(List.of(new Question(clip(1, 40, 24, List.of()), Question.SHORT, 0)));

            List<BufferedImage> images = images(server.calls().getFirst().body());
            assertEquals(1, images.size());
            assertEquals(24, images.getFirst().getWidth());
            assertEquals(40, images.getFirst().getHeight());
        }
    }

    @Test
    void shouldSpreadFramesEvenly() {
        assertArrayEquals(new int[] {0}, new FrameJpegs(1, 64).indices(9));
        assertArrayEquals(new int[] {0, 8}, new FrameJpegs(2, 64).indices(9));
        assertArrayEquals(new int[] {0, 2, 4, 6, 8}, new FrameJpegs(5, 64).indices(9));
        assertArrayEquals(new int[] {0, 1, 2}, new FrameJpegs(8, 64).indices(3));
    }

    @Test
    void shouldAverageWhatAPixelCoversWhenItShrinks() throws IOException {
        byte[] frames = new byte[3 * 48 * 48];
        for (int i = 0; i < frames.length; i++) {
            frames[i] = (byte) (i / 3 % 2 * 255);
        }
        List<byte[]> jpegs = new FrameJpegs(1, 32).of(clip(frames, 1, 48, 48, List.of()));
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(jpegs.getFirst()));
        for (int x = 0; x < 32; x++) {
            // Columns are black and white in turn: of the one and a half that a pixel covers a third is white, or two
            // thirds.
            int expected = x / 2 % 2 == 0 ? 85 : 170;
            assertEquals(expected, image.getRGB(x, 16) & 255, 12, "column " + x);
        }
    }

    @Test
    void shouldTellHowMuchIsShownAndTheCaptionsThatCameWithTheClip() throws IOException {
        List<Caption> captions = List.of(
                Caption.ofSource("a {frames} $1 cat", "txt"),
                Caption.ofSource("a dog", "json"),
                new Caption("by a model", "endpoint", "short", "m", "", 1));
        try (ChatServer server = ChatServer.saying(Reply.text("a scene"));
                EndpointCaptioner captioner = captioner(server, 4, 32)) {
            captioner.describe(List.of(new Question(clip(3, 16, 16, captions), Question.SHORT, 0)));
            captioner.describe(List.of(new Question(clip(3, 16, 16, List.of()), Question.DETAILED, 0)));

            assertEquals(
                    "3 frames, 0.4 s. Hints: a {frames} $1 cat; a dog",
                    server.calls().getFirst().text());
            assertEquals("Describe. Hints: none", server.calls().getLast().text());
        }
    }

    @Test
    void shouldAskForOtherWordsAtAFurtherAttempt() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.text("a scene"));
                EndpointCaptioner captioner = captioner(server, 4, 32)) {
            for (int attempt : new int[] {0, 1, 9}) {
                captioner.describe(List.of(new Question(clip(3, 16, 16, List.of()), Question.SHORT, attempt)));
            }
            List<JsonNode> bodies =
                    server.calls().stream().map(ChatServer.Call::body).toList();
            assertEquals(0.2, bodies.get(0).path("temperature").asDouble());
            assertEquals(0.5, bodies.get(1).path("temperature").asDouble());
            assertEquals(1.0, bodies.get(2).path("temperature").asDouble());
            assertEquals(
                    Set.of(0, 1, 9),
                    new HashSet<>(bodies.stream()
                            .map(body -> body.path("seed").asInt())
                            .toList()));
        }
    }

    @Test
    void shouldSayWhatIsWrongWithAnAnswer() throws IOException {
        Reply[] replies = {
            Reply.choice("a long", "length", ""),
            Reply.choice("", "content_filter", ""),
            Reply.choice("", "stop", "I cannot\ndo that for " + ChatServer.KEY),
            Reply.choice("", "stop", "I won't, " + ChatServer.KEY),
            Reply.choice(" ", "stop", ""),
            Reply.choice("a scene", "stop", "")
        };
        try (ChatServer server = ChatServer.saying(replies);
                EndpointCaptioner captioner = captioner(server, 4, 32)) {
            List<Answer> answers = new ArrayList<>();
            for (int i = 0; i < replies.length; i++) {
                answers.addAll(
                        captioner.describe(List.of(new Question(clip(2, 16, 16, List.of()), Question.SHORT, 0))));
            }
            assertEquals(
                    List.of(
                            new Answer("a long", 1, Answer.TRUNCATED),
                            Answer.none("refused: content_filter"),
                            Answer.none("refused: I cannot"),
                            Answer.none("refused: I won't, ***"),
                            Answer.none("empty"),
                            Answer.of("a scene", 1)),
                    answers);
            assertEquals(6, captioner.usage().requests());
        }
    }

    @Test
    void shouldTakeConfidenceFromTheTokensProbabilities() throws IOException {
        String choice = "{\"choices\": [{\"message\": {\"content\": \"a b\"}, \"finish_reason\": \"stop\","
                + " \"logprobs\": {\"content\": [%s]}}]}";
        Reply[] replies = {
            Reply.json(200, choice.formatted("{\"logprob\": -0.5}, {\"logprob\": -1.5}")),
            Reply.json(200, choice.formatted("{\"logprob\": -0.5}, {\"token\": \"b\"}")),
            Reply.json(200, choice.formatted(""))
        };
        try (ChatServer server = ChatServer.saying(replies);
                EndpointCaptioner captioner = captioner(server, 4, 32)) {
            double[] expected = {Math.exp(-1), 1, 1};
            for (double each : expected) {
                List<Answer> answers =
                        captioner.describe(List.of(new Question(clip(2, 16, 16, List.of()), Question.SHORT, 0)));
                assertEquals(each, answers.getFirst().confidence(), 1e-12);
            }
        }
    }

    @Test
    void shouldAnswerInTheOrderOfTheQuestionsAndCountTokensAndCost() throws IOException {
        // The later a question, the sooner its answer.
        try (ChatServer server = new ChatServer(
                        call -> Reply.text(call.text()).after(call.text().contains("clip 0") ? 300 : 10));
                EndpointCaptioner captioner = captioner(server, 1, 32)) {
            List<Question> questions = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                Clip clip = clip(2, 16, 16, List.of(Caption.ofSource("clip " + i, "txt")));
                questions.add(new Question(clip, i % 2 == 0 ? Question.SHORT : Question.DETAILED, 0));
            }
            List<Answer> answers = captioner.describe(questions);
            for (int i = 0; i < 20; i++) {
                assertTrue(
                        answers.get(i).text().endsWith("Hints: clip " + i),
                        answers.get(i).text());
            }
            assertEquals(new ServerUsage(20, 0, 140, 60, 0, (140 * 2 + 60 * 10) / 1e6), captioner.usage());
        }
    }

    @Test
    void shouldTellQuestionsApartByAllThatIsAskedButTheServersAddress() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.text("a scene"));
                ChatServer other = ChatServer.saying(Reply.text("a scene"));
                EndpointCaptioner captioner = captioner(server, 4, 32);
                EndpointCaptioner same = captioner(other, 4, 32);
                EndpointCaptioner fewer = captioner(server, 3, 32);
                EndpointCaptioner smaller = captioner(server, 4, 31)) {
            String hash = captioner.promptHash(Question.SHORT);
            assertTrue(hash.matches("[0-9a-f]{64}"), hash);
            assertEquals(hash, same.promptHash(Question.SHORT));
            assertNotEquals(hash, captioner.promptHash(Question.DETAILED));
            assertNotEquals(hash, fewer.promptHash(Question.SHORT));
            assertNotEquals(hash, smaller.promptHash(Question.SHORT));
            assertEquals("endpoint", captioner.origin());
            assertEquals("test-model", captioner.model());
            assertFalse(captioner.toString().contains(ChatServer.KEY));
        }
    }

    private static EndpointCaptioner captioner(ChatServer server, int numFrames, int maxSide) {
        ChatSettings settings = server.settings(4, 0, 5);
        return new EndpointCaptioner(
                new EndpointSettings(settings, PROMPTS, numFrames, maxSide, 100, 0.2), ChatServer.client(settings));
    }

    /** Frames of one colour each, redder from frame to frame. */
    private static Clip clip(int numFrames, int height, int width, List<Caption> captions) {
        byte[] frames = new byte[3 * numFrames * height * width];
        for (int i = 0; i < frames.length; i += 3) {
            frames[i] = (byte) (20 * (i / (3 * height * width)));
            frames[i + 1] = (byte) 200;
            frames[i + 2] = 40;
        }
        return clip(frames, numFrames, height, width, captions);
    }

    private static Clip clip(byte[] frames, int numFrames, int height, int width, List<Caption> captions) {
        return new Clip(
                "a.mp4#0",
                "a.mp4",
                "00",
                1,
                1 + numFrames / 8.0,
                8,
                numFrames,
                height,
                width,
                frames,
                captions,
                "",
                Measurements.of(frames, numFrames));
    }

    private static List<BufferedImage> images(JsonNode body) throws IOException {
        List<BufferedImage> images = new ArrayList<>();
        String start = "data:image/jpeg;base64,";
        for (JsonNode part : body.path("messages").path(0).path("content")) {
            if (part.path("type").asText().equals("image_url")) {
                String url = part.path("image_url").path("url").asText();
                assertTrue(url.startsWith(start), url.substring(0, 40));
                byte[] jpeg = Base64.getDecoder().decode(url.substring(start.length()));
                images.add(ImageIO.read(new ByteArrayInputStream(jpeg)));
            }
        }
        return images;
    }
}
