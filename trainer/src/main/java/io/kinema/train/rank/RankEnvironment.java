package io.kinema.train.rank;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.process.RankCommand;
import io.kinema.train.tensor.HostPlace;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the launcher tells a rank through its environment.
 *
 * @param rank 0 … worldSize − 1
 * @param worldSize N
 * @param place among the ranks of its host, for the device
 * @param runId of the launch
 * @param rendezvous host:port
 * @param driverDirectory of the host's media driver
 * @param launcherPid the process that the rank must not outlive
 * @param resumeFrom the checkpoint to begin with; empty for none
 * @param runSha256 of {@code run.json} as the launcher wrote it
 */
public record RankEnvironment(
        int rank,
        int worldSize,
        HostPlace place,
        String runId,
        String rendezvous,
        String driverDirectory,
        long launcherPid,
        String resumeFrom,
        String runSha256) {

    /** Tensors are outside the heap; a young generation that does not grow keeps a rank's memory flat. */
    private static final List<String> RANK_HEAP = List.of("-Xmn64m");

    /**
     * How to start the rank: the same Java with the same flags as this process, which come last and so may say
     * otherwise.
     *
     * @param run {@code run.json} of the run
     * @return command and environment
     */
    public RankCommand toCommand(Path run) {
        List<String> command = new ArrayList<>();
        command.add(javaProgram());
        command.addAll(RANK_HEAP);
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Rank.class.getName()));
        command.add(run.toString());
        return new RankCommand(command, toVariables());
    }

    /**
     * The program that runs this JVM.
     *
     * @return a path
     */
    public static String javaProgram() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /**
     * The same, started by this process.
     *
     * @return with this process as the launcher
     */
    public RankEnvironment startedHere() {
        long pid = ProcessHandle.current().pid();
        return new RankEnvironment(
                rank, worldSize, place, runId, rendezvous, driverDirectory, pid, resumeFrom, runSha256);
    }

    /**
     * Writes the environment of the rank.
     *
     * @return by name
     */
    public Map<String, String> toVariables() {
        return Map.ofEntries(
                Map.entry("KINEMA_RANK", Integer.toString(rank)),
                Map.entry("KINEMA_WORLD_SIZE", Integer.toString(worldSize)),
                Map.entry("KINEMA_RANK_ON_HOST", Integer.toString(place.rank())),
                Map.entry("KINEMA_RANKS_ON_HOST", Integer.toString(place.ranks())),
                Map.entry("KINEMA_RUN_ID", runId),
                Map.entry("KINEMA_RENDEZVOUS", rendezvous),
                Map.entry("KINEMA_AERON_DIR", driverDirectory),
                Map.entry("KINEMA_LAUNCHER_PID", Long.toString(launcherPid)),
                Map.entry("KINEMA_RESUME_FROM", resumeFrom),
                Map.entry("KINEMA_RUN_SHA256", runSha256));
    }

    /**
     * Reads the environment that {@link #toVariables} wrote.
     *
     * @param variables of the environment
     * @return what the launcher has told
     */
    public static RankEnvironment of(Map<String, String> variables) {
        return new RankEnvironment(
                (int) number(variables, "KINEMA_RANK"),
                (int) number(variables, "KINEMA_WORLD_SIZE"),
                HostPlace.of((int) number(variables, "KINEMA_RANK_ON_HOST"), (int)
                        number(variables, "KINEMA_RANKS_ON_HOST")),
                text(variables, "KINEMA_RUN_ID"),
                text(variables, "KINEMA_RENDEZVOUS"),
                text(variables, "KINEMA_AERON_DIR"),
                number(variables, "KINEMA_LAUNCHER_PID"),
                text(variables, "KINEMA_RESUME_FROM"),
                text(variables, "KINEMA_RUN_SHA256"));
    }

    private static long number(Map<String, String> variables, String name) {
        String text = text(variables, name);
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new ConfigException(name + "=" + text + " is not a number; launch/train.sh sets it");
        }
    }

    private static String text(Map<String, String> variables, String name) {
        String text = variables.get(name);
        if (text == null) {
            throw new ConfigException(name + " is not set; start ranks by launch/train.sh");
        }
        return text;
    }
}
