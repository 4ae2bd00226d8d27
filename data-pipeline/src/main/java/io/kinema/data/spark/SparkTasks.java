package io.kinema.data.spark;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.SparkFiles;
import org.apache.spark.Success$;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * Runs tasks as a Spark job, on this machine or on a cluster. Tasks and results are texts: nothing depends on Java's
 * serialization of objects.
 */
public final class SparkTasks implements AutoCloseable {
    private final JavaSparkContext spark;

    /** The code of a task, a reference to a static method. Runs on any machine. */
    public interface Work extends Serializable {
        /**
         * Does a task.
         *
         * @param task the task as a text
         * @param scratch a local folder for temporary files
         * @return the result as a text
         * @throws Exception if the task fails
         */
        String of(String task, Path scratch) throws Exception;
    }

    /**
     * Starts Spark.
     *
     * @param master URL of the Spark master; {@code local[N]} for threads of this process
     * @param name of the application
     * @throws ConfigException if Spark does not start with that master
     */
    public SparkTasks(String master, String name) {
        SparkConf conf = new SparkConf()
                .setMaster(master)
                .setAppName(name)
                .set("spark.ui.enabled", "false")
                // By default a failed task is tried four times. Faults of sources do not fail a task: they go to
                // quarantine.
                .set("spark.task.maxFailures", "2");
        if (master.equals("local") || master.startsWith("local[")) {
            // Then this machine's name need not resolve.
            conf.set("spark.driver.host", "localhost").set("spark.driver.bindAddress", "127.0.0.1");
        } else {
            // Executors need this process' class path beside Spark.
            conf.setJars(Arrays.stream(System.getProperty("java.class.path").split(":"))
                    .filter(entry -> entry.endsWith(".jar"))
                    .toArray(String[]::new));
            conf.setIfMissing("spark.executor.extraJavaOptions", flagsForExecutors());
            for (String threads : List.of("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")) {
                conf.setIfMissing(
                        "spark.executorEnv." + threads, System.getenv().getOrDefault(threads, "1"));
            }
        }
        try {
            this.spark = new JavaSparkContext(conf);
        } catch (RuntimeException e) {
            throw new ConfigException(
                    "cannot start Spark with --master " + master + ": " + rootCause(e) + "; give a Spark master's URL",
                    e);
        }
    }

    /** This JVM's flags that open the JDK to libraries. The cluster decides about memory. */
    private static String flagsForExecutors() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--"))
                .collect(Collectors.joining(" "));
    }

    /**
     * Returns the number of tasks that run at once.
     *
     * @return cores of all executors
     */
    public int parallelism() {
        return spark.defaultParallelism();
    }

    /**
     * Runs tasks.
     *
     * @param tasks the tasks as texts
     * @param work the code of a task
     * @param ended called on a thread of Spark with the index of each successful task
     * @return results in the order of the tasks
     * @throws ConfigException if a task failed by a mistake of the user
     * @throws IOException if a task failed for another reason
     */
    public List<String> run(List<String> tasks, Work work, IntConsumer ended) throws IOException {
        spark.sc().addSparkListener(new SparkListener() {
            @Override
            public void onTaskEnd(SparkListenerTaskEnd end) {
                if (end.reason() instanceof Success$) {
                    ended.accept(end.taskInfo().index());
                }
            }
        });
        try {
            return spark.parallelize(tasks, tasks.size())
                    .map(task -> work.of(task, Path.of(SparkFiles.getRootDirectory())))
                    .collect();
        } catch (Exception e) {
            // Scala's methods do not declare their checked exceptions.
            if (e instanceof SparkException) {
                for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                    if (cause instanceof ConfigException mistake) {
                        throw new ConfigException(mistake.getMessage(), e);
                    }
                }
            }
            if (spark.sc().isStopped()) {
                throw new IOException(
                        "Spark has ended before the work was done: its master cannot be reached, has removed the"
                                + " application or is gone; the logs of the master and the executors say why",
                        e);
            }
            if (e instanceof SparkException) {
                throw new IOException("a task failed: " + rootCause(e), e);
            }
            throw e;
        }
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
