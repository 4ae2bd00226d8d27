package io.kinema.data;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.PrepareGroup.Outcome;
import io.kinema.data.PrepareGroup.Quarantined;
import io.kinema.data.clip.Source;
import io.kinema.data.clip.SourceListing;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.DatasetWriter;
import io.kinema.data.shard.Manifest;
import io.kinema.data.shard.ShardWriter;
import io.kinema.data.spark.SparkTasks;
import io.kinema.data.storage.Folder;
import io.kinema.data.video.Ffmpeg;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import me.tongfei.progressbar.ProgressBar;

/** One preparation, on Spark's driver: groups the sources, gives the groups to Spark, and writes the data set. */
final class Preparation {
    /** Sources of one task: enough to be worth a task, and few enough to share the work evenly. */
    private static final int GROUP_SOURCES = 8;

    private static final long GROUP_BYTES = 256L << 20;
    private static final int MAX_REASONS = 10;

    private final Folder input;
    private final Folder output;
    private final PrepareFlags flags;

    Preparation(Folder input, Folder output, PrepareFlags flags) {
        this.input = input;
        this.output = output;
        this.flags = flags;
    }

    /** Prepares the data set and prints the summary; returns whether it has any clips. */
    boolean run(SourceListing listing, Ffmpeg ffmpeg) throws IOException {
        List<PrepareGroup> groups = groups(listing.sources());
        List<String> tasks = new ArrayList<>();
        List<Integer> sizes = new ArrayList<>();
        for (PrepareGroup group : groups) {
            tasks.add(group.toJson());
            sizes.add(group.sources().size());
        }
        List<Outcome> outcomes = new ArrayList<>();
        try (SparkTasks spark = new SparkTasks(flags.master, "kinema-prepare");
                ProgressBar bar = ProgressDisplay.bar(
                        "Preparing", "files", listing.sources().size())) {
            for (String outcome : spark.run(tasks, PrepareGroup::run, index -> bar.stepBy(sizes.get(index)))) {
                outcomes.add(Outcome.fromJson(outcome));
            }
            bar.stepTo(listing.sources().size());
        }
        List<ShardWriter.WrittenShard> shards = new ArrayList<>();
        List<Quarantined> quarantined = new ArrayList<>();
        long numFrames = 0;
        double seconds = 0;
        for (Outcome outcome : outcomes) {
            shards.addAll(outcome.shards());
            quarantined.addAll(outcome.quarantined());
            numFrames += outcome.numFrames();
            seconds += outcome.seconds();
        }
        output.write(OutputFolder.QUARANTINE, lines(quarantined));
        long numClips = shards.stream().mapToLong(shard -> shard.part().rows()).sum();
        long numUsed = listing.sources().size() - quarantined.size();
        Manifest.Counts counts = new Manifest.Counts(numUsed, numClips, numFrames, seconds, quarantined.size());
        if (numClips > 0) {
            new DatasetWriter(output, flags.settings().describe("ffmpeg " + ffmpeg.version())).finish(shards, counts);
        } else {
            new OutputFolder(output).release();
        }
        System.out.print(summary(counts, quarantined, listing.strayCaptions()));
        if (numClips == 0) {
            System.err.println("error: none of the " + listing.sources().size() + " files in " + input
                    + " can be used; the reasons are in " + output.locationOf(OutputFolder.QUARANTINE));
        }
        return numClips > 0;
    }

    /** Consecutive sources; a pure function of the listing. */
    private List<PrepareGroup> groups(List<Source> sources) {
        List<PrepareGroup> groups = new ArrayList<>();
        List<Source> group = new ArrayList<>();
        long groupBytes = 0;
        for (Source source : sources) {
            if (group.size() == GROUP_SOURCES || !group.isEmpty() && groupBytes + source.bytes() > GROUP_BYTES) {
                groups.add(group(groups.size(), group));
                group.clear();
                groupBytes = 0;
            }
            group.add(source);
            groupBytes += source.bytes();
        }
        groups.add(group(groups.size(), group));
        return groups;
    }

    private PrepareGroup group(int groupIndex, List<Source> sources) {
        return new PrepareGroup(
                groupIndex,
                input.toString(),
                output.toString(),
                flags.settings(),
                flags.ffmpeg,
                flags.timeoutSeconds,
                List.copyOf(sources));
    }

    private static byte[] lines(List<Quarantined> quarantined) throws IOException {
        JsonMapper json = new JsonMapper();
        StringBuilder lines = new StringBuilder();
        for (Quarantined each : quarantined) {
            lines.append(json.writeValueAsString(each)).append('\n');
        }
        return lines.toString().getBytes(StandardCharsets.UTF_8);
    }

    private String summary(Manifest.Counts counts, List<Quarantined> quarantined, List<String> strayCaptions) {
        StringBuilder text = new StringBuilder(String.format(
                "%d files used, %d quarantined; %d clips, %d frames, %.1f seconds%n",
                counts.files(), counts.quarantined(), counts.clips(), counts.frames(), counts.seconds()));
        Map<String, List<String>> byReason = new TreeMap<>();
        for (Quarantined each : quarantined) {
            byReason.computeIfAbsent(each.stage() + ": " + each.reason(), key -> new ArrayList<>())
                    .add(each.source());
        }
        byReason.entrySet().stream()
                .limit(MAX_REASONS)
                .forEach(reason -> text.append(String.format(
                        "  quarantined %d, %s (%s%s)%n",
                        reason.getValue().size(),
                        reason.getKey(),
                        reason.getValue().getFirst(),
                        reason.getValue().size() > 1 ? ", …" : "")));
        if (byReason.size() > MAX_REASONS) {
            text.append(String.format(
                    "  and %d further reasons in %s%n",
                    byReason.size() - MAX_REASONS, output.locationOf(OutputFolder.QUARANTINE)));
        }
        if (!strayCaptions.isEmpty()) {
            text.append(String.format(
                    "  the caption tables name %d files that are not there (%s%s)%n",
                    strayCaptions.size(), strayCaptions.getFirst(), strayCaptions.size() > 1 ? ", …" : ""));
        }
        return counts.clips() == 0 ? text.toString() : text + "data set: " + output + System.lineSeparator();
    }
}
