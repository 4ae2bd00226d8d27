package io.kinema.benchmarks;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Times fp32 all-reduces between two ranks with a network link between them: Kinema's and Gloo's in turn, and a TCP
 * stream of iperf3's over the same link. {@code benchmarks/allreduce-veth.sh} makes the link.
 */
public final class LinkBenchmark {
    @Parameter(names = "--megabytes", order = 0, description = "Lengths of the vector, 2^20 bytes each")
    private String megabytes = "1,16,64";

    @Parameter(names = "--rounds", order = 1, description = "Rounds of each side that are timed; medians are reported")
    private int rounds = 5;

    @Parameter(names = "--python", order = 2, description = "Interpreter that has PyTorch, for Gloo")
    private String python = System.getenv().getOrDefault("PYTHON", "python3");

    @Parameter(names = "--namespaces", hidden = true, required = true, description = "Of the two ranks")
    private String namespaces = "";

    @Parameter(names = "--addresses", hidden = true, required = true, description = "Of the two ranks on the link")
    private String addresses = "";

    @Parameter(names = "--interface", hidden = true, required = true, description = "The link's")
    private String interfaceName = "";

    private LinkBenchmark() {}

    /**
     * Prints the table.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> {
            LinkBenchmark command = new LinkBenchmark();
            String summary = "times all-reduces between two network namespaces beside Gloo's and iperf3's stream";
            if (new CommandLine("benchmarks/allreduce-veth.sh", summary, command).parse(args)) {
                command.compare();
            }
            return 0;
        }));
    }

    private void compare() throws IOException, InterruptedException {
        StepBenchmark.requireAtLeastOne("--rounds", rounds);
        List<Integer> sizes = AllReduceBenchmark.sizes(megabytes);
        Link link = new Link(List.of(namespaces.split(",")), List.of(addresses.split(",")), interfaceName);
        List<Gloo> gloo = AllReduceBenchmark.gloo(python, "benchmarks/allreduce-veth.sh");
        List<Team> teams = new ArrayList<>();
        StringBuilder table = new StringBuilder("""
                | MB | Kinema ms | Gbit/s | Gloo ms | Gbit/s | iperf3 Gbit/s | Gloo ms / Kinema ms | Kinema, % \
                of iperf3 |
                |---:|---:|---:|---:|---:|---:|---:|---:|
                """);
        try {
            teams.add(KinemaRanks.over(link));
            for (Gloo each : gloo) {
                teams.add(each.over(link));
            }
            for (Team team : teams) {
                team.warmUp(AllReduceBenchmark.elements(sizes.getFirst()));
            }
            for (int size : sizes) {
                table.append(line(size, teams, new Iperf(link)));
            }
        } finally {
            for (Team team : teams) {
                team.close();
            }
        }
        System.out.println(table);
    }

    private String line(int megabytes, List<Team> teams, Iperf iperf) throws IOException, InterruptedException {
        List<Turn> turns = new ArrayList<>(List.of(iperf));
        for (Team team : teams) {
            turns.add(team.prepare(AllReduceBenchmark.elements(megabytes)));
        }
        double[] medians = Arrays.stream(Turn.inTurn(turns, rounds))
                .mapToDouble(StepResult::median)
                .toArray();
        double iperfGigabits = medians[0] / 1e9;
        double kinemaMs = medians[1];
        double kinemaGigabits = gigabits(megabytes, kinemaMs);
        boolean hasGloo = medians.length > 2;
        return "| %d |".formatted(megabytes)
                + columns("%.2f | %.3f", kinemaMs, kinemaGigabits)
                + (hasGloo ? columns("%.2f | %.3f", medians[2], gigabits(megabytes, medians[2])) : " – | – |")
                + columns("%.3f", iperfGigabits)
                + (hasGloo ? columns("%.2f", medians[2] / kinemaMs) : " – |")
                + columns("%.0f", 100 * kinemaGigabits / iperfGigabits)
                + "\n";
    }

    private static String columns(String pattern, Object... values) {
        return " " + String.format(Locale.ROOT, pattern, values) + " |";
    }

    /** 10^9 bits a second each way: of two ranks each must send the other as many bytes as the vector has. */
    private static double gigabits(int megabytes, double ms) {
        return 8.0 * megabytes * AllReduceResult.MEGABYTE / ms / 1e6;
    }
}
