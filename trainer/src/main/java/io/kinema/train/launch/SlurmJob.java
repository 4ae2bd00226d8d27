package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code --slurm}: the allocation that this process is in, or the way into one, and what becomes of jobs. */
public final class SlurmJob {
    /** As in {@code 2(x3),1}: three nodes with two tasks, one with one. */
    private static final Pattern TASKS = Pattern.compile("(\\d+)(?:\\(x(\\d+)\\))?");

    /** A controller under load answers late, and a program that hangs never does. */
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private SlurmJob() {}

    /**
     * Tells whether this process is part of a Slurm job.
     *
     * @param variables of the environment
     * @return whether Slurm started this process
     */
    public static boolean isInside(Map<String, String> variables) {
        return !variables.getOrDefault("SLURM_JOB_ID", "").isEmpty();
    }

    /** The nodes of the allocation; a slot is a task. */
    static List<ClusterHost> hosts(Map<String, String> variables) {
        String nodes = variables.getOrDefault("SLURM_JOB_NODELIST", "");
        String tasks = variables.getOrDefault("SLURM_TASKS_PER_NODE", "");
        List<Integer> slots = slots(tasks);
        List<String> names =
                output("scontrol", "show", "hostnames", nodes).lines().toList();
        if (names.size() != slots.size()) {
            throw new ConfigException("SLURM_JOB_NODELIST=" + nodes + " names " + names.size()
                    + " nodes, SLURM_TASKS_PER_NODE=" + tasks + " speaks of " + slots.size()
                    + "; start launch/train.sh --slurm once, from the job's script");
        }
        List<ClusterHost> hosts = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            hosts.add(new ClusterHost(names.get(i), slots.get(i), ClusterHost.Reach.SRUN));
        }
        return hosts;
    }

    static List<Integer> slots(String tasksPerNode) {
        List<Integer> slots = new ArrayList<>();
        for (String part : tasksPerNode.split(",")) {
            Matcher tasks = TASKS.matcher(part);
            if (!tasks.matches()) {
                throw new ConfigException("SLURM_TASKS_PER_NODE=" + tasksPerNode
                        + " is not as in 2(x3),1; ask Slurm for tasks, by --ntasks or --ntasks-per-node");
            }
            int nodes = tasks.group(2) == null ? 1 : Integer.parseInt(tasks.group(2));
            for (int i = 0; i < nodes; i++) {
                slots.add(Integer.parseInt(tasks.group(1)));
            }
        }
        return slots;
    }

    /**
     * Submits the same command as a batch job.
     *
     * @param numRanks of the run
     * @param threads of each rank; 0 where that is open
     * @param args the command's, checked already
     * @return what sbatch exits with
     * @throws IOException when a file or a connection fails
     * @throws InterruptedException when this thread is told to end
     */
    public static int submit(int numRanks, int threads, String[] args) throws IOException, InterruptedException {
        String scripts = System.getenv("KINEMA_SCRIPTS");
        if (scripts == null) {
            throw new ConfigException("KINEMA_SCRIPTS is not set; start by launch/train.sh --slurm");
        }
        List<String> command = new ArrayList<>(List.of("sbatch", "--ntasks=" + numRanks));
        if (threads > 0) {
            command.add("--cpus-per-task=" + threads);
        }
        command.add(Path.of(scripts, "slurm", "train.sbatch").toString());
        command.addAll(Arrays.asList(args));
        try {
            return new ProcessBuilder(command).inheritIO().start().waitFor();
        } catch (IOException e) {
            throw new ConfigException(
                    "sbatch cannot be run (" + e.getMessage() + "); start on a host with Slurm's programs", e);
        }
    }

    /**
     * Asks whether this user has a job of a name that waits or runs.
     *
     * @param name of the job
     * @return whether there is one
     * @throws ConfigException if Slurm cannot be asked
     */
    public static boolean isQueued(String name) {
        return !output("squeue", "--noheader", "--me", "--name=" + name).isBlank();
    }

    /**
     * Ends this user's jobs of a name.
     *
     * @param name of the jobs
     * @throws ConfigException if Slurm cannot be asked
     */
    public static void cancel(String name) {
        output("scancel", "--me", "--name=" + name);
    }

    /** What one of Slurm's programs says; its warnings are left out. */
    private static String output(String... command) {
        return output(LIMIT, command);
    }

    /** Files take what the program says: a pipe that nobody reads would stop it. */
    static String output(Duration limit, String... command) {
        Path text = null;
        Path errors = null;
        try {
            text = Files.createTempFile("kinema-slurm-", ".txt");
            errors = Files.createTempFile("kinema-slurm-", ".err");
            Process process = new ProcessBuilder(command)
                    .redirectOutput(text.toFile())
                    .redirectError(errors.toFile())
                    .start();
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                throw new ConfigException(String.join(" ", command) + " has not answered for " + limit.toSeconds()
                        + " s; start where Slurm answers");
            }
            if (process.exitValue() != 0) {
                String said = Files.readString(errors) + Files.readString(text);
                throw new ConfigException(String.join(" ", command) + " exited with code " + process.exitValue() + ": "
                        + said.strip().replace('\n', ' ') + "; start where Slurm answers");
            }
            return Files.readString(text);
        } catch (IOException e) {
            throw new ConfigException(
                    command[0] + " cannot be run (" + e.getMessage() + "); start on a host with Slurm's programs", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("nobody interrupts the launcher", e);
        } finally {
            delete(text);
            delete(errors);
        }
    }

    private static void delete(Path file) {
        if (file != null) {
            file.toFile().delete();
        }
    }
}
