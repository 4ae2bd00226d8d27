package io.kinema.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Open MPI: how the processes of {@code peers/allreduce.c} are compiled and started.
 *
 * @param program the compiled program, deleted at the JVM's exit
 * @param version Open MPI's
 */
record OpenMpi(Path program, String version) {
    private static final String LAUNCHER = "mpirun";
    private static final String NAME = "Open MPI";

    /**
     * Compiles the program.
     *
     * @param source {@code peers/allreduce.c}
     * @throws AbsentPeerException when {@code mpicc} or {@code mpirun} is not there or not Open MPI's
     */
    static OpenMpi compile(Path source) throws IOException, InterruptedException, AbsentPeerException {
        String version = output(LAUNCHER, "--version").lines().findFirst().orElse("");
        if (!version.contains(NAME)) {
            throw new AbsentPeerException(LAUNCHER + " --version says '" + version + "'");
        }
        Path folder = Files.createTempDirectory("kinema-mpi-");
        Path program = folder.resolve("allreduce");
        folder.toFile().deleteOnExit();
        program.toFile().deleteOnExit();
        output("mpicc", "-O2", "-o", program.toString(), source.toString(), "-lm");
        return new OpenMpi(program, version.replaceAll(".* ", ""));
    }

    private static String output(String... command) throws IOException, InterruptedException, AbsentPeerException {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            throw new AbsentPeerException(e.getMessage());
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new AbsentPeerException(
                    command[0] + " failed: " + said.lines().findFirst().orElse("it said nothing"));
        }
        return said;
    }

    /** Ranks on this host, in shared memory; one process of this team starts them and speaks for them. */
    Team onThisHost(int numRanks) throws IOException {
        List<String> command = new ArrayList<>(Team.OWN_ENVIRONMENT);
        command.addAll(List.of(LAUNCHER, "-n", Integer.toString(numRanks)));
        if (System.getProperty("user.name").equals("root")) {
            command.add("--allow-run-as-root");
        }
        // It looks for a way to other hosts, and fails where there is none, though nobody will go it.
        command.addAll(List.of("--mca", "plm_rsh_agent", "sh"));
        command.addAll(List.of("--mca", "pml", "ob1", "--mca", "btl", "self,vader"));
        // Ranks that spin on all processors would keep the rank that they wait for, or this process, from one.
        if (numRanks >= Runtime.getRuntime().availableProcessors()) {
            command.addAll(List.of("--oversubscribe", "--mca", "mpi_yield_when_idle", "1"));
        }
        command.add(program.toString());
        return Team.start(NAME, List.of(command), List.of());
    }
}
