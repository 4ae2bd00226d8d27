package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code --slurm}: the allocation that this process is in, or the way into one, and what becomes of jobs. */
public final class SlurmJob {
    /** As in {@code 2(x3),1}: three nodes with two tasks, one with one. */
    private static final Pattern TASKS = Pattern.compile("(\\d+)(?:\\(x(\\d+)\\))?");

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
        String home = System.getenv("KINEMA_HOME");
        if (home == null) {
            throw new ConfigException("KINEMA_HOME is not set; start by launch/train.sh --slurm");
        }
        List<String> command = new ArrayList<>(List.of("sbatch", "--ntasks=" + numRanks));
        if (threads > 0) {
            command.add("--cpus-per-task=" + threads);
        }
        command.add(Path.of(home, "launch", "slurm", "train.sbatch").toString());
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
        try {
            Process process = new ProcessBuilder(command).start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            String errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            int code = process.waitFor();
            if (code != 0) {
                throw new ConfigException(String.join(" ", command) + " exited with code " + code + ": "
                        + (errors + text).strip().replace('\n', ' ') + "; start where Slurm answers");
            }
            return text;
        } catch (IOException e) {
            throw new ConfigException(
                    command[0] + " cannot be run (" + e.getMessage() + "); start on a host with Slurm's programs", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("nobody interrupts the launcher", e);
        }
    }
}
