package io.kinema.benchmarks;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The processes with which one library makes all-reduces, one a rank or one that stands for all. Between rounds they
 * sleep.
 *
 * <p>Each says {@code ready}, and then answers a line {@code ELEMENTS CALLS} with the milliseconds that so many
 * all-reduces of so many fp32 elements took it, made one after the other; it has checked their sums and ends where one
 * is wrong.
 */
final class Team implements AutoCloseable {
    /**
     * In front of a peer's command: the launch scripts set it for HotSpot's sake, and threads of others would wait for
     * each other to allocate.
     */
    static final List<String> OWN_ENVIRONMENT = List.of("env", "-u", "MALLOC_ARENA_MAX");

    private static final String READY = "ready";
    private static final double ROUND_MS = 200;
    private static final int MAX_CALLS = 400;
    /**
     * HotSpot compiles what moves the bytes in its first seconds of a processor; where ranks outnumber the processors
     * each has a part of one.
     */
    private static final double WARMUP_MS = 4_000;

    private final List<PeerProgram> processes = new ArrayList<>();
    private final List<Closeable> held;

    private Team(List<Closeable> held) {
        this.held = held;
    }

    /**
     * Starts the processes and waits until they have found each other.
     *
     * @param name the library's
     * @param commands one a process
     * @param held what they need, closed after them and where they cannot be started
     * @return the team; the caller closes it
     * @throws IOException when one cannot be started, or ends
     */
    static Team start(String name, List<List<String>> commands, List<Closeable> held) throws IOException {
        Team team = new Team(held);
        try {
            for (List<String> command : commands) {
                team.processes.add(PeerProgram.start(name, new ProcessBuilder(command)));
            }
            for (PeerProgram process : team.processes) {
                String line = process.hear("its peers");
                if (!line.equals(READY)) {
                    throw new IOException("the " + name + " process says '" + line + "' instead of " + READY);
                }
            }
            return team;
        } catch (IOException e) {
            team.close();
            throw e;
        }
    }

    /** Makes all-reduces until they are as fast as they will be. */
    void warmUp(long elements) throws IOException {
        int calls = 1;
        double totalMs = 0;
        double processesEach =
                Math.max(1, (double) processes.size() / Runtime.getRuntime().availableProcessors());
        while (totalMs < WARMUP_MS * processesEach) {
            double ms = callMs(elements, calls);
            totalMs += calls * ms;
            calls = callsOf(ms);
        }
    }

    /** A round of so many all-reduces that it takes {@link #ROUND_MS} or longer; milliseconds of one of them. */
    Turn prepare(long elements) throws IOException {
        int first = callsOf(callMs(elements, 1));
        int calls = callsOf(callMs(elements, first));
        return () -> callMs(elements, calls);
    }

    private static int callsOf(double ms) {
        return (int) Math.clamp(Math.ceil(ROUND_MS / ms), 1, MAX_CALLS);
    }

    /** Milliseconds of an all-reduce on the slowest rank. */
    double callMs(long elements, int calls) throws IOException {
        String request = elements + " " + calls;
        for (PeerProgram process : processes) {
            process.tell(request);
        }
        double slowestMs = 0;
        for (PeerProgram process : processes) {
            String line = process.hear(request);
            try {
                slowestMs = Math.max(slowestMs, Double.parseDouble(line));
            } catch (NumberFormatException e) {
                throw new IOException("'" + line + "' is no time for " + request, e);
            }
        }
        return slowestMs / calls;
    }

    @Override
    public void close() throws IOException {
        processes.forEach(PeerProgram::endInput);
        processes.forEach(PeerProgram::close);
        for (Closeable each : held) {
            each.close();
        }
    }
}
