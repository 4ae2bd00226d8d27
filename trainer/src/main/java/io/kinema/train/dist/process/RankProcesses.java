package io.kinema.train.dist.process;

import io.kinema.train.dist.rendezvous.Secret;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The processes of a run's ranks, seen from their launcher: starts them, keeps their output, and ends all of them when
 * one fails or the launcher is told to stop. From start to close it handles the JVM's termination signals.
 *
 * <p>The output of rank r, standard error included, is appended to {@code rank-0000r.log}; rank 0's is shown as it
 * comes too. When a rank fails, the others get {@link #FAILURE_GRACE} to say what they saw, then SIGTERM, and
 * {@link #KILL_AFTER} later SIGKILL. When a rank has given up waiting for others, those that are still there after the
 * grace are the ones that hang: they are asked for their stacks, then killed. A first SIGTERM, SIGINT or SIGHUP at the
 * launcher is passed on as SIGTERM, so that ranks can write a checkpoint; a second one kills them.
 */
public final class RankProcesses implements AutoCloseable {
    /** How long the others may run on after one rank has failed. */
    public static final Duration FAILURE_GRACE = Duration.ofSeconds(3);

    /** How long a rank may take to end after SIGTERM when another has failed. */
    public static final Duration KILL_AFTER = Duration.ofSeconds(5);

    private static final long POLL_MS = 50;
    private static final long NEVER = Long.MAX_VALUE;

    private final List<RankProcess> processes = new ArrayList<>();
    private final List<CompletableFuture<Void>> exitFutures = new ArrayList<>();
    private final BlockingQueue<Exit> exits = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> signals = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> stops = new LinkedBlockingQueue<>();
    private final PrintStream screen;
    private final Thread killAtExit = new Thread(this::killAll, "launch-kill-ranks");
    private final TerminationSignals termination = TerminationSignals.install(signals::add);

    /**
     * The end of one process.
     *
     * @param rank whose
     * @param code exit code; 128 + n after signal n
     */
    private record Exit(int rank, int code) {}

    private RankProcesses(PrintStream screen) {
        this.screen = screen;
        Runtime.getRuntime().addShutdownHook(killAtExit);
    }

    /**
     * Starts one process a rank.
     *
     * @param commands the command of rank 0, 1, …
     * @param secret that each finds on its standard input, in hexadecimal digits; nothing where there is none
     * @param logDirectory folder for the output, created if missing
     * @param screen where rank 0's output is shown
     * @return the running processes; the caller waits for them and closes them
     * @throws IOException when a program cannot be started or the folder not be written; no process is left then
     */
    public static RankProcesses start(List<RankCommand> commands, Secret secret, Path logDirectory, PrintStream screen)
            throws IOException {
        Files.createDirectories(logDirectory);
        RankProcesses ranks = new RankProcesses(screen);
        try {
            for (RankCommand command : commands) {
                RankLog log = RankLog.begin(logDirectory, ranks.processes.size());
                ranks.add(LocalRank.start(command, secret, log));
            }
            return ranks;
        } catch (IOException e) {
            ranks.close();
            throw e;
        }
    }

    /**
     * Takes ranks over that were started already.
     *
     * @param processes rank 0, 1, …
     * @param screen where rank 0's output is shown
     * @return the running processes; the caller waits for them and closes them
     */
    public static RankProcesses of(List<RankProcess> processes, PrintStream screen) {
        RankProcesses ranks = new RankProcesses(screen);
        processes.forEach(ranks::add);
        return ranks;
    }

    private void add(RankProcess process) {
        int rank = processes.size();
        processes.add(process);
        exitFutures.add(process.exit().thenAccept(code -> exits.add(new Exit(rank, code))));
    }

    /**
     * Returns the process ids of the ranks that this process has started itself.
     *
     * @return in rank order
     */
    public List<Long> pids() {
        return processes.stream()
                .filter(LocalRank.class::isInstance)
                .map(rank -> ((LocalRank) rank).process().pid())
                .toList();
    }

    /**
     * Ends the ranks in good order, as a first signal to the launcher does.
     *
     * @param signal what somebody was told to stop with, as "SIGTERM"
     */
    public void stop(String signal) {
        stops.add(signal);
    }

    /**
     * Waits until every process has ended.
     *
     * @param stopLimit how long the ranks may take to end by themselves after a signal to the launcher
     * @return how it went
     * @throws IOException when the output of a rank cannot be read
     * @throws InterruptedException when the waiting thread is interrupted
     */
    public RunOutcome await(Duration stopLimit) throws IOException, InterruptedException {
        List<Exit> ended = new ArrayList<>();
        Ending ending = new Ending(stopLimit);
        while (ended.size() < processes.size()) {
            Exit exit = exits.poll(POLL_MS, TimeUnit.MILLISECONDS);
            show(ending);
            if (exit != null) {
                ended.add(exit);
                if (exit.code() != 0) {
                    ending.onFailure();
                }
            }
            String signal = signals.poll();
            if (signal != null) {
                ending.onSignal(signal);
            }
            String stop = stops.poll();
            // All hosts of a run may be told at the same time.
            if (stop != null && ending.signal.isEmpty()) {
                ending.onSignal(stop);
            }
            ending.act(ended);
        }
        show(ending);
        return outcome(ended, ending);
    }

    /** Shows what rank 0 says, but not its stacks. */
    private void show(Ending ending) throws IOException {
        if (!ending.stacks.containsKey(0)) {
            processes.getFirst().log().showNew(screen);
        }
    }

    /** When the ranks that still run are told to end, and when they are killed. */
    private final class Ending {
        private final Duration stopLimit;
        private long terminateAtNanos = NEVER;
        private long killAtNanos = NEVER;
        private boolean isTerminated;
        private int numEndedByThemselves;
        private String signal = "";
        /** Of ranks that hang, by rank. */
        private final SequencedMap<Integer, String> stacks = new TreeMap<>();

        Ending(Duration stopLimit) {
            this.stopLimit = stopLimit;
        }

        void onFailure() {
            long terminateNanos = System.nanoTime() + FAILURE_GRACE.toNanos();
            terminateAtNanos = Math.min(terminateAtNanos, terminateNanos);
            killAtNanos = Math.min(killAtNanos, terminateNanos + KILL_AFTER.toNanos());
        }

        void onSignal(String name) {
            long nowNanos = System.nanoTime();
            terminateAtNanos = nowNanos;
            killAtNanos = signal.isEmpty() ? Math.min(killAtNanos, nowNanos + stopLimit.toNanos()) : nowNanos;
            signal = name;
        }

        void act(List<Exit> ended) throws IOException, InterruptedException {
            long nowNanos = System.nanoTime();
            if (!isTerminated) {
                numEndedByThemselves = ended.size();
            }
            if (nowNanos >= terminateAtNanos && !isTerminated) {
                isTerminated = true;
                if (isHang(ended)) {
                    dumpStacks();
                    killAll();
                }
                processes.forEach(RankProcess::terminate);
            }
            if (nowNanos >= killAtNanos) {
                killAll();
            }
        }

        /** Whether ranks ended for no other reason than that they had waited, or lost one that had. */
        boolean isHang(List<Exit> ended) {
            List<Integer> codes = ended.stream()
                    .limit(numEndedByThemselves)
                    .map(Exit::code)
                    .filter(code -> code != 0 && code != ExitCode.PEER_LOST.number())
                    .toList();
            return signal.isEmpty()
                    && !codes.isEmpty()
                    && codes.stream().allMatch(code -> code == ExitCode.COLLECTIVE_TIMEOUT.number());
        }

        private void dumpStacks() throws IOException, InterruptedException {
            SequencedMap<Integer, CompletableFuture<String>> dumps = new TreeMap<>();
            for (int rank = 0; rank < processes.size(); rank++) {
                if (!processes.get(rank).exit().isDone()) {
                    dumps.put(rank, processes.get(rank).stacks());
                }
            }
            dumps.forEach((rank, dump) -> stacks.put(rank, dump.join()));
        }
    }

    /**
     * Blames the first rank that failed by itself: not one that was told to stop, nor one that says it stopped because
     * of another. Where ranks only waited, those are to blame that did not come.
     */
    private RunOutcome outcome(List<Exit> ended, Ending ending) throws IOException {
        List<Exit> failures = ended.stream().filter(exit -> exit.code() != 0).toList();
        if (failures.isEmpty()) {
            return ending.signal.isEmpty() ? new RunOutcome.Finished() : new RunOutcome.Stopped(ending.signal);
        }
        if (ending.isHang(ended)) {
            HangReport report = new HangReport();
            for (Exit exit : ended.subList(0, ending.numEndedByThemselves)) {
                report.add(exit.rank(), exit.code(), processes.get(exit.rank()).log());
            }
            return report.outcome(ending.stacks);
        }
        Exit culprit = ended.stream()
                .limit(ending.numEndedByThemselves)
                .filter(exit -> exit.code() != 0 && exit.code() != ExitCode.PEER_LOST.number())
                .filter(exit -> exit.code() != ExitCode.COLLECTIVE_TIMEOUT.number())
                .findFirst()
                .orElse(failures.getFirst());
        RankLog log = processes.get(culprit.rank()).log();
        return new RunOutcome.Failed(culprit.rank(), culprit.code(), log.lastLines(), log.path(), ending.signal);
    }

    private void killAll() {
        processes.forEach(RankProcess::kill);
    }

    /** Kills whatever still runs, and waits until it is gone. */
    @Override
    public void close() {
        killAll();
        exitFutures.forEach(CompletableFuture::join);
        termination.close();
        try {
            Runtime.getRuntime().removeShutdownHook(killAtExit);
        } catch (IllegalStateException exiting) {
            // The hook is running already and kills the same processes.
            return;
        }
    }
}
