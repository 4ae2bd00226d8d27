package io.kinema.data;

import io.kinema.data.PrepareGroup.Outcome;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.SparkFiles;
import org.apache.spark.Success$;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** Runs groups of sources as the tasks of a Spark job, here or on a cluster, with a progress bar. */
final class SparkTasks implements AutoCloseable {
    private final JavaSparkContext spark;

    SparkTasks(String master) {
        SparkConf conf = new SparkConf()
                .setMaster(master)
                .setAppName("kinema-prepare")
                .set("spark.ui.enabled", "false")
                // A failed task says the same four times over otherwise; what can be helped is in quarantine instead.
                .set("spark.task.maxFailures", "2");
        if (master.equals("local") || master.startsWith("local[")) {
            // Whether and how this machine's name resolves does not matter then.
            conf.set("spark.driver.host", "localhost").set("spark.driver.bindAddress", "127.0.0.1");
        } else {
            // What the executors need beside Spark is what this process has.
            conf.setJars(Arrays.stream(System.getProperty("java.class.path").split(":"))
                    .filter(entry -> entry.endsWith(".jar"))
                    .toArray(String[]::new));
        }
        try {
            this.spark = new JavaSparkContext(conf);
        } catch (RuntimeException e) {
            throw new ConfigException(
                    "cannot start Spark with --master " + master + ": " + rootCause(e) + "; give a Spark master's URL",
                    e);
        }
    }

    /** Runs the groups; what came of them is in their order. */
    List<Outcome> run(List<PrepareGroup> groups) throws IOException {
        List<String> tasks = new ArrayList<>();
        for (PrepareGroup group : groups) {
            tasks.add(group.toJson());
        }
        int numSources =
                groups.stream().mapToInt(group -> group.sources().size()).sum();
        List<Outcome> outcomes = new ArrayList<>();
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("Preparing")
                .setInitialMax(numSources)
                .setUnit(" files", 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .build()) {
            spark.sc().addSparkListener(new SparkListener() {
                @Override
                public void onTaskEnd(SparkListenerTaskEnd end) {
                    if (end.reason() instanceof Success$) {
                        bar.stepBy(groups.get(end.taskInfo().index()).sources().size());
                    }
                }
            });
            List<String> results = spark.parallelize(tasks, tasks.size())
                    .map(task -> PrepareGroup.run(task, Path.of(SparkFiles.getRootDirectory())))
                    .collect();
            for (String result : results) {
                outcomes.add(Outcome.fromJson(result));
            }
            bar.stepTo(numSources);
        } catch (Exception e) {
            // Scala's methods throw checked exceptions without declaring them.
            if (e instanceof SparkException) {
                throw new IOException("preparing failed: " + rootCause(e), e);
            }
            throw e;
        }
        return outcomes;
    }

    private static String rootCause(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage()).lines().findFirst().orElse(root.toString());
    }

    @Override
    public void close() {
        spark.close();
    }
}
