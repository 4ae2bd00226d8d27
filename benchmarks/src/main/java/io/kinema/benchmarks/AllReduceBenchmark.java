package io.kinema.benchmarks;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.metrics.HostMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** Times fp32 all-reduces between processes of this host: Kinema's, Gloo's and Open MPI's in turn. */
public final class AllReduceBenchmark {
    private static final int MAX_RANKS = 64;
    /** An int counts the elements of 4 GB. */
    private static final int MAX_MEGABYTES = 4096;
    /**
     * Copies of a vector that one rank of one library has at the most: the vector, and its sum or parts on their way.
     */
    private static final int COPIES = 2;
    /** Of a process that has just started, Java's or Python's. */
    private static final long PROCESS_BYTES = 200L << 20;

    @Parameter(names = "--megabytes", order = 0, description = "Lengths of the vector, 2^20 bytes each")
    private String megabytes = "1,16,64,256";

    @Parameter(names = "--ranks", order = 1, description = "Numbers of ranks; each is a process")
    private String ranks = "2,4,8";

    @Parameter(
            names = "--rounds",
            order = 2,
            description = "Rounds of each side that are timed, each of as many all-reduces as fill 0.2 s; medians are"
                    + " reported")
    private int rounds = 5;

    @Parameter(names = "--peers", order = 3, description = "Beside what, of gloo and mpi; none for Kinema alone")
    private String peers = "gloo,mpi";

    @Parameter(names = "--python", order = 4, description = "Interpreter that has PyTorch, for Gloo")
    private String python = System.getenv().getOrDefault("PYTHON", "python3");

    @Parameter(names = "--json", order = 5, description = "Also write the results to this file")
    private String json = "";

    private AllReduceBenchmark() {}

    /**
     * Prints the table.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(run(args));
    }

    /** Prints the table and returns the exit code. */
    static int run(String... args) {
        return CommandLine.run(() -> {
            AllReduceBenchmark command = new AllReduceBenchmark();
            String summary = "times all-reduces between processes of this host beside Gloo's and Open MPI's";
            if (new CommandLine("benchmarks/run.sh allreduce", summary, command).parse(args)) {
                command.compare();
            }
            return 0;
        });
    }

    private void compare() throws IOException, InterruptedException {
        StepBenchmark.requireAtLeastOne("--rounds", rounds);
        List<Integer> sizes = sizes(megabytes);
        List<Integer> worlds = numbers("--ranks", ranks, 2, MAX_RANKS);
        Set<AllReducePeer> wished = AllReducePeer.parse(peers);
        requireMemory(Collections.max(sizes), Collections.max(worlds), 1 + wished.size());
        Optional<Path> file = json.isEmpty() ? Optional.empty() : Optional.of(StepBenchmark.writable(Path.of(json)));
        String machine = Processor.name();
        Libraries libraries = libraries(wished);
        List<AllReduceResult> results = new ArrayList<>();
        for (int numRanks : worlds) {
            measure(numRanks, sizes, libraries, results);
        }
        System.out.println();
        System.out.println(machine + " before the start");
        System.out.println(libraries.describe(rounds));
        System.out.println(AllReduceResult.table(results));
        if (file.isPresent()) {
            AllReduceResult.write(file.get(), results);
        }
    }

    /** Reads {@code --megabytes}. */
    static List<Integer> sizes(String megabytes) {
        return numbers("--megabytes", megabytes, 1, MAX_MEGABYTES);
    }

    private static List<Integer> numbers(String flag, String text, int min, int max) {
        List<Integer> numbers = new ArrayList<>();
        for (String each : text.split(",", -1)) {
            int number;
            try {
                number = Integer.parseInt(each.strip());
            } catch (NumberFormatException e) {
                throw new ConfigException(
                        flag + " " + text + ": '" + each + "' is no whole number; use some with commas between", e);
            }
            if (number < min || number > max) {
                throw new ConfigException(flag + " " + number + " is out of range; use " + min + " to " + max);
            }
            numbers.add(number);
        }
        return numbers;
    }

    /** All sides' vectors are there at once, and the kernel's memory killer says less. */
    private static void requireMemory(int megabytes, int ranks, int libraries) throws IOException {
        long needed = (COPIES * (long) megabytes * AllReduceResult.MEGABYTE + PROCESS_BYTES) * ranks * libraries;
        OptionalLong available = HostMemory.ofThisHost().availableBytes();
        if (available.isPresent() && available.getAsLong() < needed) {
            throw new ConfigException(String.format(
                    Locale.ROOT,
                    "%d ranks with %d MB each take about %.1f GB on %s, this host has %.1f; lower --ranks or"
                            + " --megabytes",
                    ranks,
                    megabytes,
                    needed / 1e9,
                    libraries == 1 ? "one side" : libraries + " sides",
                    available.getAsLong() / 1e9));
        }
    }

    /** The peers that are here: of each one or none. */
    private record Libraries(List<Gloo> gloo, List<OpenMpi> mpi) {
        String describe(int rounds) {
            StringBuilder text = new StringBuilder(KinemaRanks.NAME);
            gloo.forEach(each -> text.append(", Gloo of PyTorch ").append(each.version()));
            mpi.forEach(each -> text.append(", Open MPI ").append(each.version()));
            return text.append("; each rank a process; medians of ")
                    .append(rounds)
                    .append(" rounds in turn; MB are 2^20 bytes, GB/s 10^9 bytes of the vector a second\n")
                    .toString();
        }
    }

    /** One, or none and a word on how to get it for a command. */
    static List<Gloo> gloo(String python, String command) {
        try {
            return List.of(Gloo.find(python, StepBenchmark.peer("allreduce.py")));
        } catch (AbsentPeerException e) {
            System.err.println("no PyTorch (" + e.getMessage() + "), so there is nothing of Gloo; for it:\n"
                    + StepBenchmark.INSTALL_PYTORCH + "  " + command + " --python venv/bin/python");
            return List.of();
        }
    }

    private Libraries libraries(Set<AllReducePeer> wished) throws IOException, InterruptedException {
        List<Gloo> gloo = wished.contains(AllReducePeer.GLOO) ? gloo(python, "benchmarks/run.sh allreduce") : List.of();
        List<OpenMpi> mpi = new ArrayList<>();
        if (wished.contains(AllReducePeer.MPI)) {
            try {
                mpi.add(OpenMpi.compile(StepBenchmark.peer("allreduce.c")));
            } catch (AbsentPeerException e) {
                System.err.println("no Open MPI (" + e.getMessage() + "), so there is nothing of it; for it:\n"
                        + "  apt-get install openmpi-bin libopenmpi-dev");
            }
        }
        return new Libraries(gloo, mpi);
    }

    private void measure(int numRanks, List<Integer> sizes, Libraries libraries, List<AllReduceResult> results)
            throws IOException, InterruptedException {
        Map<AllReducePeer, Team> others = new EnumMap<>(AllReducePeer.class);
        try (Team kinema = KinemaRanks.onThisHost(numRanks)) {
            for (Gloo each : libraries.gloo) {
                others.put(AllReducePeer.GLOO, each.onThisHost(numRanks));
            }
            for (OpenMpi each : libraries.mpi) {
                others.put(AllReducePeer.MPI, each.onThisHost(numRanks));
            }
            List<Team> teams = new ArrayList<>(List.of(kinema));
            teams.addAll(others.values());
            long first = elements(sizes.getFirst());
            for (Team team : teams) {
                team.warmUp(first);
            }
            for (int size : sizes) {
                List<Turn> turns = new ArrayList<>();
                for (Team team : teams) {
                    turns.add(team.prepare(elements(size)));
                }
                results.add(result(size, numRanks, List.copyOf(others.keySet()), Turn.inTurn(turns, rounds)));
            }
        } finally {
            for (Team team : others.values()) {
                team.close();
            }
        }
    }

    /** Elements of fp32. */
    static long elements(int megabytes) {
        return (long) megabytes * AllReduceResult.MEGABYTE / Float.BYTES;
    }

    /** The median of each side's rounds; Kinema's are the first. */
    private static AllReduceResult result(int megabytes, int numRanks, List<AllReducePeer> others, double[][] roundMs) {
        System.err.println(megabytes + " MB, " + numRanks + " ranks");
        System.err.println("  " + KinemaRanks.NAME + " ms " + rounded(roundMs[0]));
        Map<AllReducePeer, Double> peerMs = new EnumMap<>(AllReducePeer.class);
        for (int i = 0; i < others.size(); i++) {
            System.err.println("  " + others.get(i).title() + " ms " + rounded(roundMs[i + 1]));
            peerMs.put(others.get(i), StepResult.median(roundMs[i + 1]));
        }
        return new AllReduceResult(megabytes, numRanks, StepResult.median(roundMs[0]), peerMs);
    }

    private static String rounded(double[] ms) {
        return String.join(
                " ",
                Arrays.stream(ms)
                        .mapToObj(each -> String.format(Locale.ROOT, "%.2f", each))
                        .toList());
    }
}
