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
 * Some units of work. A captioner on a server works on a few units at once, other captioners on one after the other.
 * The result of a unit is a file, which appears complete; a unit with a file is not done again.
 *
 * @param data location of the data set
 * @param work location of the folder of results
 * @param captioner settings of the captioner
 * @param styles of the captions
 * @param numAttempts how often to ask a question until its answer is useful
 * @param units the work
 */
record CaptionTask(
        String data, String work, CaptionerSettings captioner, List<String> styles, int numAttempts, List<Unit> units) {
    private static final JsonMapper JSON = CaptionerChoice.json();

    /** Units at once for a server, so that some questions are always ready. */
    private static final int LANES = 3;

    /**
     * Neighbouring clips of one shard.
     *
     * @param shardIndex the shard
     * @param firstClip the first clip's place in the index
     * @param numClips number of clips
     */
    record Unit(int shardIndex, int firstClip, int numClips) {
        String file() {
            return String.format("unit-%05d-%09d.json", shardIndex, firstClip);
        }
    }

    /**
     * The result of a clip.
     *
     * @param id the clip's
     * @param captions the new captions
     * @param left styles without a caption
     */
    record Outcome(String id, List<Caption> captions, List<Unanswered> left) {}

    /**
     * A style for which no attempt gave a caption.
     *
     * @param style the style
     * @param problem of the last answer
     * @param text of the last answer
     */
    record Unanswered(String style, String problem, String text) {}

    String toJson() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a task of plain values is always writable", e);
        }
    }

    /** Reads the results of a unit's clips, in their order. */
    static List<Outcome> read(Folder work, Unit unit) throws IOException {
        try (InputStream in = work.open(unit.file())) {
            return List.of(JSON.readValue(in, Outcome[].class));
        }
    }

    /**
     * Does a task.
     *
     * @param json a task
     * @param scratch not used
     * @return a {@link ServerUsage} as JSON; captions are in the folder of results
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
        // Clip after clip, and for each clip style after style.
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
