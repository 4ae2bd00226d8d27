package io.kinema.recaption.run;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.CaptionFile;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.DatasetWriter;
import io.kinema.data.shard.Manifest;
import io.kinema.data.spark.SparkTasks;
import io.kinema.data.storage.Folder;
import io.kinema.recaption.captioner.Captioner;
import io.kinema.recaption.captioner.CaptionerSettings;
import io.kinema.recaption.captioner.ServerUsage;
import io.kinema.recaption.run.CaptionTask.Unit;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import me.tongfei.progressbar.ProgressBar;

/**
 * Captions a data set; runs on Spark's driver. A unit of work is a run of neighbouring clips of one shard. The result
 * of a unit is a file in the output's folder {@code work/}. When all units are done, their results are joined to files
 * of captions; the manifest is written last.
 *
 * <p>So a run that was killed continues with the open units, and the data set does not depend on who did which unit.
 */
final class CaptionRun {
    static final String WORK = "work";
    static final String PLAN = WORK + "/plan.json";
    static final String QUARANTINE = "quarantine.jsonl";
    static final String ARGS = "recaption.args";

    /** Clips of a unit. */
    private static final int UNIT_CLIPS = 64;

    /** Clips of a task of a captioner that computes by itself: enough to be worth the opening of a model. */
    private static final int TASK_CLIPS = 256;

    private static final int POLL_MS = 1000;
    private static final JsonMapper JSON = new JsonMapper();

    private final Dataset data;
    private final String dataLocation;
    private final Folder output;
    private final CaptionerSettings captioner;
    private final List<String> styles;
    private final int numAttempts;

    /** The result of a run, and the use of a server. */
    record Summary(int numClips, Map<String, Integer> captionsByStyle, int numLeft, ServerUsage usage) {}

    CaptionRun(
            Dataset data,
            String dataLocation,
            Folder output,
            CaptionerSettings captioner,
            List<String> styles,
            int numAttempts) {
        this.data = data;
        this.dataLocation = dataLocation;
        this.output = output;
        this.captioner = captioner;
        this.styles = List.copyOf(styles);
        this.numAttempts = numAttempts;
    }

    /** Every setting that the captions depend on. */
    Map<String, String> settings() throws IOException {
        try (Captioner opened = captioner.open()) {
            Map<String, String> settings = new TreeMap<>();
            settings.put("captioner", opened.origin());
            settings.put("caption-model", opened.model());
            settings.put("caption-styles", String.join(",", styles));
            settings.put("caption-attempts", Integer.toString(numAttempts));
            settings.put("captions-of", data.sha256());
            for (String style : styles) {
                settings.put("caption-prompt-" + style, opened.promptHash(style));
            }
            return settings;
        }
    }

    /** The units of a data set: a pure function of its index. */
    private List<Unit> units() {
        List<Unit> units = new ArrayList<>();
        List<ClipEntry> clips = data.clips();
        for (int first = 0; first < clips.size(); ) {
            int end = first + 1;
            int shard = clips.get(first).shardIndex();
            while (end < clips.size()
                    && end - first < UNIT_CLIPS
                    && clips.get(end).shardIndex() == shard) {
                end++;
            }
            units.add(new Unit(shard, first, end - first));
            first = end;
        }
        return units;
    }

    /**
     * Captions the open units, and joins all results.
     *
     * @param settings the value of {@link #settings}
     * @param master the Spark master
     */
    Summary run(Map<String, String> settings, String master) throws IOException {
        List<Unit> units = units();
        Folder work = Folder.at(output.locationOf(WORK));
        Set<String> done = new HashSet<>(work.list(""));
        List<Unit> open =
                units.stream().filter(unit -> !done.contains(unit.file())).toList();
        if (open.size() < units.size()) {
            System.out.println("continuing: " + (units.size() - open.size()) + " of " + units.size()
                    + " parts are captioned already");
        }
        ServerUsage usage = open.isEmpty() ? ServerUsage.NONE : caption(open, work, master);
        Summary summary = join(units, work, settings, usage);
        output.delete(WORK);
        return summary;
    }

    private ServerUsage caption(List<Unit> open, Folder work, String master) throws IOException {
        long numClips = open.stream().mapToLong(Unit::numClips).sum();
        try (SparkTasks spark = new SparkTasks(master, "kinema-recaption");
                ProgressBar bar = ProgressDisplay.bar("Captioning", "clips", numClips)) {
            List<String> tasks = tasks(open, work, spark.parallelism()).stream()
                    .map(CaptionTask::toJson)
                    .toList();
            Thread poll = Thread.ofPlatform().name("caption-progress").start(() -> {
                try {
                    while (true) {
                        Thread.sleep(POLL_MS);
                        Set<String> now = new HashSet<>(work.list(""));
                        bar.stepTo(open.stream()
                                .filter(unit -> now.contains(unit.file()))
                                .mapToLong(Unit::numClips)
                                .sum());
                    }
                } catch (InterruptedException | IOException e) {
                    // The bar stops. Tasks report trouble with the folder.
                    return;
                }
            });
            try {
                ServerUsage usage = ServerUsage.NONE;
                for (String each : spark.run(tasks, CaptionTask::run, index -> {})) {
                    usage = usage.plus(JSON.readValue(each, ServerUsage.class));
                }
                bar.stepTo(numClips);
                return usage;
            } finally {
                poll.interrupt();
                poll.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("captioning was interrupted", e);
        }
    }

    /**
     * Cuts the work into tasks. For a captioner that computes by itself, tasks have many clips and go to any free
     * executor. For a server, there are as many tasks as run at once, and they share the number of requests.
     */
    private List<CaptionTask> tasks(List<Unit> open, Folder work, int parallelism) {
        List<List<Unit>> groups = new ArrayList<>();
        int concurrency = captioner.concurrency();
        if (concurrency == 1) {
            int clips = TASK_CLIPS;
            for (Unit unit : open) {
                if (clips >= TASK_CLIPS) {
                    groups.add(new ArrayList<>());
                    clips = 0;
                }
                groups.getLast().add(unit);
                clips += unit.numClips();
            }
        } else {
            int numTasks = Math.min(open.size(), Math.min(parallelism, concurrency));
            for (int i = 0; i < numTasks; i++) {
                groups.add(new ArrayList<>());
            }
            for (int i = 0; i < open.size(); i++) {
                groups.get(i % numTasks).add(open.get(i));
            }
        }
        List<CaptionTask> tasks = new ArrayList<>();
        for (int i = 0; i < groups.size(); i++) {
            int share = concurrency / groups.size() + (i < concurrency % groups.size() ? 1 : 0);
            CaptionerSettings own = concurrency == 1 ? captioner : captioner.withConcurrency(share);
            tasks.add(new CaptionTask(
                    dataLocation, work.locationOf(""), own, styles, numAttempts, List.copyOf(groups.get(i))));
        }
        return tasks;
    }

    private Summary join(List<Unit> units, Folder work, Map<String, String> settings, ServerUsage usage)
            throws IOException {
        List<Manifest.FileEntry> parts = new ArrayList<>();
        StringBuilder quarantine = new StringBuilder();
        Map<String, Integer> byStyle = new TreeMap<>();
        int numLeft = 0;
        List<Manifest.FileEntry> shards = data.manifest().shards();
        for (int shard = 0; shard < shards.size(); shard++) {
            LinkedHashMap<String, List<Caption>> captions = new LinkedHashMap<>();
            for (Unit unit : units) {
                if (unit.shardIndex() != shard) {
                    continue;
                }
                List<CaptionTask.Outcome> outcomes = CaptionTask.read(work, unit);
                for (int i = 0; i < outcomes.size(); i++) {
                    CaptionTask.Outcome outcome = outcomes.get(i);
                    Clip clip = data.read(data.clips().get(unit.firstClip() + i));
                    captions.put(clip.id(), joined(clip, outcome));
                    outcome.captions().forEach(caption -> byStyle.merge(caption.style(), 1, Integer::sum));
                    numLeft += outcome.left().size();
                    quarantine.append(lines(outcome));
                }
            }
            parts.add(CaptionFile.write(output, shards.get(shard).file(), captions));
        }
        output.write(QUARANTINE, quarantine.toString().getBytes(StandardCharsets.UTF_8));
        DatasetWriter.finishCaptions(output, data, parts, settings);
        return new Summary(data.clips().size(), byStyle, numLeft, usage);
    }

    /** The captions of the clip, without earlier answers to the same question, then the new captions. */
    private static List<Caption> joined(Clip clip, CaptionTask.Outcome outcome) {
        List<Caption> all = new ArrayList<>(clip.captions());
        all.removeIf(old -> outcome.captions().stream()
                .anyMatch(caption -> caption.style().equals(old.style())
                        && caption.model().equals(old.model())
                        && caption.promptHash().equals(old.promptHash())));
        all.addAll(outcome.captions());
        return all;
    }

    private static String lines(CaptionTask.Outcome outcome) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (CaptionTask.Unanswered left : outcome.left()) {
            Map<String, String> line = new LinkedHashMap<>();
            line.put("clip", outcome.id());
            line.put("style", left.style());
            line.put("reason", left.problem());
            line.put("text", left.text());
            lines.append(JSON.writeValueAsString(line)).append('\n');
        }
        return lines.toString();
    }

    /**
     * Makes the output's folder ready.
     *
     * @param settings the value of {@link #settings}
     * @param overwrite whether to delete a captioned data set in it, finished or not
     * @return whether it holds the finished result of the same run
     */
    boolean claim(Map<String, String> settings, boolean overwrite) throws IOException {
        List<String> own = List.of(Manifest.FILE, "index.arrow", CaptionFile.FOLDER, WORK, QUARANTINE, ARGS);
        List<String> names = output.exists("") ? names() : List.of();
        for (String name : names) {
            if (!own.contains(name) && !own.contains(name.replaceFirst("\\.tmp$", ""))) {
                throw new ConfigException("--output " + output + " holds files that are not captions (" + name
                        + "); choose an empty folder");
            }
        }
        if (overwrite) {
            for (String name : own) {
                output.delete(name);
            }
        } else if (names.contains(Manifest.FILE)) {
            return isSame(settings);
        } else if (names.contains(WORK) && output.exists(PLAN)) {
            checkPlan(settings);
        } else if (!names.isEmpty() && !names.equals(List.of(WORK))) {
            throw new ConfigException("--output " + output + " holds parts of a data set (" + names.getFirst()
                    + ") but no plan to continue with; give --overwrite to delete them, or another folder");
        }
        Map<String, String> plan = new LinkedHashMap<>(settings);
        output.write(PLAN, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(plan));
        return false;
    }

    private List<String> names() throws IOException {
        if (!output.isFolder()) {
            throw new ConfigException("--output " + output + " is a file; choose a folder");
        }
        return output.list("");
    }

    private boolean isSame(Map<String, String> settings) throws IOException {
        try (Dataset finished = Dataset.open(output.locationOf(""))) {
            Map<String, String> with = finished.manifest().preparedWith();
            if (settings.entrySet().stream().allMatch(each -> each.getValue().equals(with.get(each.getKey())))) {
                output.delete(WORK);
                return true;
            }
        }
        throw new ConfigException("--output " + output + " holds another captioned data set; choose another folder, or"
                + " give --overwrite to replace it");
    }

    private void checkPlan(Map<String, String> settings) throws IOException {
        Map<?, ?> plan;
        try (var in = output.open(PLAN)) {
            plan = JSON.readValue(in, Map.class);
        }
        for (Map.Entry<String, String> each : settings.entrySet()) {
            if (!each.getValue().equals(plan.get(each.getKey()))) {
                throw new ConfigException("--output " + output + " holds an unfinished run with " + each.getKey() + " "
                        + plan.get(each.getKey()) + ", not " + each.getValue()
                        + "; continue with that, choose another folder, or give --overwrite to start over");
            }
        }
    }
}
