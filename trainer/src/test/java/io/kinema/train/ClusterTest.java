package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Ranks on several hosts, each with a media driver of its own, here all on one; ssh is a script that runs the command
 * where it is.
 */
@Execution(ExecutionMode.CONCURRENT)
class ClusterTest {
    private static final int STEPS = 12;

    private static final String SECRET = "0123456789abcdef-the-secret-of-the-tests";

    @TempDir
    private static Path root;

    private static Path data;
    /** A file with {@link #SECRET}. */
    private static Path secretFile;

    private static TrainedRun undisturbed;

    @BeforeAll
    static void trainOnOneNode() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        secretFile = Files.writeString(root.resolve("secret"), SECRET + "\n");
        Files.setPosixFilePermissions(secretFile, PosixFilePermissions.fromString("rw-------"));
        Path ssh = Files.createDirectories(root.resolve("bin")).resolve("ssh");
        Files.writeString(ssh, """
                #!/bin/sh
                while [ "$1" != -- ]; do shift; done
                case $2 in unreachable*) echo "ssh: connect to host $2 port 22: No route to host" >&2; exit 255 ;; esac
                # As over a network, the command outlives a client that is killed, and has the end of its input then.
                mkfifo "$0.$$"
                setsid sh -c "$3" <"$0.$$" &
                cat >"$0.$$"
                wait
                """);
        assertTrue(ssh.toFile().setExecutable(true));
        undisturbed = new TrainedRun(root.resolve("undisturbed"));
        try (LaunchedProgram training = start(undisturbed, Map.of(), "--nodes", "1")) {
            training.expectExit(0);
        }
    }

    private static LaunchedProgram start(TrainedRun run, Map<String, String> variables, String... more)
            throws IOException {
        return LaunchedProgram.start(List.of(), variables, Train.class, root.resolve("work"), args(run, more));
    }

    private static String[] args(TrainedRun run, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "--data", data.toString(),
                "--run", run.folder().toString(),
                "--model", "2x24x2",
                "--caption-model", "1x16x2",
                "--patch", "2x4x4",
                "--microbatches", "4",
                "--tokens", "40",
                "--steps", Integer.toString(STEPS),
                "--checkpoint-every", "3",
                "--sample-steps", "0",
                "--device", "nd4j",
                "--precision", "fp32",
                "--threads", "1"));
        args.addAll(Arrays.asList(more));
        return args.toArray(String[]::new);
    }

    private static LaunchedProgram startOnHosts(TrainedRun run, String hosts, String... more) throws IOException {
        Path file = root.resolve("hosts-" + run.folder().getFileName());
        Files.writeString(file, hosts);
        List<String> args = new ArrayList<>(List.of("--hosts", file.toString(), "--address", "127.0.0.1"));
        args.addAll(Arrays.asList(more));
        String path = root.resolve("bin") + ":" + System.getenv("PATH");
        return start(run, Map.of("PATH", path), args.toArray(String[]::new));
    }

    private static void awaitEnd(List<ProcessHandle> processes) throws Exception {
        for (ProcessHandle process : processes) {
            process.onExit().get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void shouldTrainOnHostsReachedBySsh() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("ssh"));
        try (LaunchedProgram training = startOnHosts(run, "# two\na.invalid slots=2\n\nb.invalid # one\n")) {
            assertTrue(training.expectExit(0).contains("3 ranks"), training.output());
        }
        assertEquals(undisturbed.digest(STEPS), run.digest(STEPS));
        run.expectStepsOf(undisturbed, STEPS);
        assertTrue(Files.readString(run.folder().resolve("logs/rank-00002.log")).contains("=== rank 2 starts"));
    }

    @Test
    void shouldEndTheRanksOfALostHostAndStartAgain() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("lost"));
        try (LaunchedProgram training =
                startOnHosts(run, "a.invalid\nb.invalid\n", "--steps", "60", "--secret-file", "none")) {
            training.awaitOutput("step 8/60");
            ProcessHandle ssh = training.ranks().getLast();
            List<ProcessHandle> there = ssh.descendants().toList();
            ssh.destroyForcibly();
            awaitEnd(there);
            training.awaitOutput("restart 1 of 3: rank ");
            assertTrue(training.output().matches("(?s).* host [ab]\\.invalid .*was lost: .*"), training.output());
            training.awaitOutput("step 12/60");
            List<ProcessHandle> all = training.descendants();
            training.terminate();
            String output = training.expectExit(143);
            assertTrue(output.contains("stopped by SIGTERM"), output);
            awaitEnd(all);
        }
    }

    @Test
    void shouldLeaveNothingBehindWhenTheLauncherIsKilled() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("killed"));
        try (LaunchedProgram training = startOnHosts(
                run, "a.invalid\nb.invalid\n", "--steps", "1000", "--secret-file", secretFile.toString())) {
            training.awaitOutput("step 2/1000");
            List<ProcessHandle> all = training.descendants();
            assertTrue(all.size() > 4, "ssh, hosts and ranks: " + all);
            for (ProcessHandle process : all) {
                expectNoSecret(Path.of("/proc", Long.toString(process.pid()), "cmdline"));
                expectNoSecret(Path.of("/proc", Long.toString(process.pid()), "environ"));
            }
            try (Stream<Path> files = Files.walk(run.folder())) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    expectNoSecret(file);
                }
            }
            assertTrue(Files.readString(run.folder().resolve("run.args")).contains(secretFile.toString()));
            training.kill();
            awaitEnd(all);
        }
    }

    private static void expectNoSecret(Path file) throws IOException {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (NoSuchFileException gone) {
            return;
        }
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        assertFalse(text.contains(SECRET), file + " has the secret");
        assertFalse(text.contains(HexFormat.of().formatHex(SECRET.getBytes(StandardCharsets.UTF_8))), file + " has it");
    }

    @Test
    void shouldSayWhichHostCannotTakePart() throws Exception {
        try (LaunchedProgram training =
                startOnHosts(new TrainedRun(root.resolve("unreachable")), "a.invalid\nunreachable.invalid\n")) {
            String output = training.expectExit(2);
            assertTrue(
                    output.contains("error: host unreachable.invalid: ssh ended with code 255: ssh: connect to host"
                            + " unreachable.invalid port 22: No route to host"),
                    output);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static Map<String, String> torch(int rank, int localRank, int port) {
        return Map.of(
                "RANK",
                "" + rank,
                "WORLD_SIZE",
                "3",
                "LOCAL_RANK",
                "" + localRank,
                "LOCAL_WORLD_SIZE",
                "2",
                "MASTER_ADDR",
                "127.0.0.1",
                "MASTER_PORT",
                "" + port);
    }

    /** Ranks 0 and 1 share a driver, rank 2 has its own, as on another host. */
    @Test
    void shouldTrainWhenASchedulerStartsEveryRankAndStopWhenOneIsTold() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("torch"));
        int port = freePort();
        try (LaunchedProgram last = start(run, torch(2, 0, port));
                LaunchedProgram second = start(run, torch(1, 1, port));
                LaunchedProgram first = start(run, torch(0, 0, port))) {
            first.awaitOutput("step 3/");
            last.terminate();
            assertTrue(first.expectExit(143).contains("stopped by SIGTERM"), first.output());
            second.expectExit(143);
            last.expectExit(143);
        }
        String[] known = {"--secret-file", secretFile.toString()};
        try (LaunchedProgram first = start(run, torch(0, 0, port), known);
                LaunchedProgram second = start(run, torch(1, 1, port), known);
                LaunchedProgram stranger = start(run, torch(2, 0, port))) {
            String output = stranger.expectExit(2);
            assertTrue(
                    output.contains("error: this host does not know the secret of the launcher at 127.0.0.1:" + port
                            + ": it has none; give --secret-file with the launcher's file"),
                    output);
            try (LaunchedProgram last = start(run, torch(2, 0, port), known)) {
                assertTrue(first.expectExit(0).contains("resuming from"), first.output());
                second.expectExit(0);
                last.expectExit(0);
            }
        }
        assertEquals(undisturbed.digest(STEPS), run.digest(STEPS));
    }

    @Test
    void shouldExplainMistakesWithHosts() throws Exception {
        expectMistake("cannot be read", Map.of(), "--hosts", "nowhere");
        expectMistake("--nodes 3 is not WORLD_SIZE=2", torchOf("2"), "--nodes", "3");
        expectMistake("RANK in the environment and --hosts both say", torchOf("2"), "--hosts", "hosts");
        expectMistake("MASTER_PORT is not; set all of", Map.of("RANK", "0", "WORLD_SIZE", "2", "MASTER_ADDR", "a"));
        expectMistake("RANK=0 is set, WORLD_SIZE is not", Map.of("RANK", "0"));
        expectMistake("LOCAL_RANK=7 is not between 0 and 0", with(torchOf("2"), "LOCAL_RANK", "7"));
        expectMistake("WORLD_SIZE=two is not a number", torchOf("two"));
        expectMistake(
                "reached from other hosts, so ranks need a secret", with(torchOf("2"), "MASTER_ADDR", "192.0.2.1"));
        expectMistake("cannot be read", torchOf("2"), "--secret-file", "nowhere");
        expectMistake("--address 127.0.0.1 is for --hosts and --slurm", Map.of(), "--address", "127.0.0.1");
        Path hosts = Files.writeString(root.resolve("some"), "a.invalid slots=2\n");
        expectMistake(
                "more than the 2 slots",
                Map.of(),
                "--hosts",
                hosts.toString(),
                "--address",
                "127.0.0.1",
                "--nodes",
                "3");
        expectMistake("give it by --address", Map.of(), "--hosts", hosts.toString());
        expectMistake(
                "is not an address of this host", Map.of(), "--hosts", hosts.toString(), "--address", "192.0.2.1");
    }

    private static Map<String, String> torchOf(String worldSize) {
        return Map.of("RANK", "0", "WORLD_SIZE", worldSize, "MASTER_ADDR", "127.0.0.1", "MASTER_PORT", "29500");
    }

    private static Map<String, String> with(Map<String, String> variables, String name, String value) {
        Map<String, String> more = new HashMap<>(variables);
        more.put(name, value);
        return more;
    }

    private static void expectMistake(String expected, Map<String, String> variables, String... flags) {
        TrainedRun run = new TrainedRun(root.resolve("mistake"));
        String message = assertThrows(ConfigException.class, () -> Train.run(variables, args(run, flags)))
                .getMessage();
        assertTrue(message.contains(expected), message);
        assertFalse(Files.exists(run.folder()), "a run folder was made");
    }
}
