package io.kinema.recaption.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import io.kinema.recaption.captioner.Question;
import io.kinema.recaption.captioner.ServerUsage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/**
 * Some units of work, done one after the other, or a few at once where the captioner is elsewhere. What comes of a unit
 * is a file that appears complete; a unit that has its file is not done again.
 *
 * @param data location of the data set
 * @param work location of the folder of results
 * @param captioner which is asked
 * @param styles of the captions asked for
 * @param numAttempts how often a clip is asked about until the answer is of use
 * @param units what to do
 */
record CaptionTask(
        String data, String work, CaptionerSettings captioner, List<String> styles, int numAttempts, List<Unit> units) {
    private static final JsonMapper JSON = CaptionerChoice.json();

    /** Units that are under way at once where questions are many, so that one always has some to ask. */
    private static final int LANES = 3;

    /**
     * Neighbouring clips of one shard.
     *
     * @param shardIndex which shard
     * @param firstClip the first one's place in the index
     * @param numClips how many
     */
    record Unit(int shardIndex, int firstClip, int numClips) {
        String file() {
            return String.format("unit-%05d-%09d.json", shardIndex, firstClip);
        }
    }

    /**
     * What came of a clip.
     *
     * @param id the clip's
     * @param captions new ones
     * @param left what no attempt gave a caption for
     */
    record Outcome(String id, List<Caption> captions, List<Unanswered> left) {}

    /**
     * A style that a clip has no caption of.
     *
     * @param style which
     * @param problem of the last answer
     * @param text of it
     */
    record Unanswered(String style, String problem, String text) {}

    String toJson() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a task of plain values is always writable", e);
        }
    }

    /** What came of a unit's clips, in their order. */
    static List<Outcome> read(Folder work, Unit unit) throws IOException {
        try (InputStream in = work.open(unit.file())) {
            return List.of(JSON.readValue(in, Outcome[].class));
        }
    }

    /**
     * Does a task.
     *
     * @param json a task
     * @param scratch is not needed
     * @return what a server was asked for, a {@link ServerUsage} as JSON; what comes of the task lies in the folder of
     *     results
     */
    static String run(String json, Path scratch) throws IOException {
        CaptionTask task = JSON.readValue(json, CaptionTask.class);
        try (Dataset data = Dataset.open(task.data());
                Captioner captioner = task.captioner().open()) {
            task.run(data, captioner);
            return JSON.writeValueAsString(captioner.usage());
        }
    }

    private void run(Dataset data, Captioner captioner) throws IOException {
        Folder results = Folder.at(work);
        int lanes = captioner().concurrency() == 1 ? 1 : LANES;
        try (ExecutorService threads = Executors.newFixedThreadPool(
                lanes, Thread.ofPlatform().name("caption-", 0).factory())) {
            List<Future<?>> pending = new ArrayList<>();
            for (Unit unit : units) {
                pending.add(threads.submit(() -> {
                    results.write(unit.file(), JSON.writeValueAsBytes(caption(data, captioner, unit)));
                    return unit;
                }));
            }
            for (Future<?> each : pending) {
                join(each, threads);
            }
        }
    }

    private static void join(Future<?> future, ExecutorService threads) throws IOException {
        try {
            future.get();
        } catch (ExecutionException e) {
            threads.shutdownNow();
            switch (e.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                default -> throw new IllegalStateException("captioning failed: " + e.getCause(), e);
            }
        } catch (InterruptedException e) {
            threads.shutdownNow();
            Thread.currentThread().interrupt();
            throw new IOException("captioning was interrupted", e);
        }
    }

    private List<Outcome> caption(Dataset data, Captioner captioner, Unit unit) throws IOException {
        List<Clip> clips = new ArrayList<>();
        for (ClipEntry entry : data.clips().subList(unit.firstClip(), unit.firstClip() + unit.numClips())) {
            clips.add(data.read(entry));
        }
        // Of each clip, each style after the other.
        Answer[] answers = new Answer[clips.size() * styles.size()];
        List<Integer> open = IntStream.range(0, answers.length).boxed().toList();
        for (int attempt = 0; attempt < numAttempts && !open.isEmpty(); attempt++) {
            List<Question> questions = new ArrayList<>();
            for (int i : open) {
                questions.add(new Question(clips.get(i / styles.size()), styles.get(i % styles.size()), attempt));
            }
            List<Answer> given = captioner.describe(questions);
            for (int i = 0; i < given.size(); i++) {
                answers[open.get(i)] = given.get(i);
            }
            open = open.stream()
                    .filter(i -> !CaptionCheck.problem(answers[i]).isEmpty())
                    .toList();
        }
        List<Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < clips.size(); i++) {
            int first = i * styles.size();
            outcomes.add(outcome(captioner, clips.get(i), List.of(answers).subList(first, first + styles.size())));
        }
        return outcomes;
    }

    private Outcome outcome(Captioner captioner, Clip clip, List<Answer> answers) {
        List<Caption> captions = new ArrayList<>();
        List<Unanswered> left = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            Answer answer = answers.get(i);
            String style = styles.get(i);
            String problem = CaptionCheck.problem(answer);
            if (problem.isEmpty()) {
                captions.add(new Caption(
                        answer.text().strip(),
                        captioner.origin(),
                        style,
                        captioner.model(),
                        captioner.promptHash(style),
                        answer.confidence()));
            } else {
                left.add(new Unanswered(style, problem, answer.text()));
            }
        }
        return new Outcome(clip.id(), captions, left);
    }
}
