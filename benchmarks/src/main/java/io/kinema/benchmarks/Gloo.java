package io.kinema.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Gloo by PyTorch's {@code torch.distributed}: how the processes of {@code peers/allreduce.py} are started.
 *
 * @param python the interpreter
 * @param script {@code peers/allreduce.py}
 * @param version PyTorch's
 */
record Gloo(String python, Path script, String version) {
    private static final String LOOPBACK = "lo";

    /**
     * Asks an interpreter for its PyTorch.
     *
     * @throws AbsentPeerException when the interpreter does not start or has no PyTorch
     */
    static Gloo find(String python, Path script) throws AbsentPeerException {
        try (PeerProgram process =
                PeerProgram.start("PyTorch", new ProcessBuilder(python, script.toString(), "--version"))) {
            String[] answer = process.hear("its version").split(" ", 2);
            if (!answer[0].equals("torch")) {
                throw new AbsentPeerException(String.join(" ", answer));
            }
            return new Gloo(python, script, answer[1]);
        } catch (IOException e) {
            throw new AbsentPeerException(e.getMessage());
        }
    }

    /** Ranks on this host, which Gloo connects by TCP over loopback. */
    Team onThisHost(int numRanks) throws IOException {
        Path meeting = meeting();
        List<List<String>> commands = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            commands.add(command(rank, numRanks, meeting, LOOPBACK));
        }
        return Team.start(AllReducePeer.GLOO.title(), commands, List.of());
    }

    /** Ranks that have a link between them. */
    Team over(Link link) throws IOException {
        Path meeting = meeting();
        List<List<String>> commands = new ArrayList<>();
        for (int rank = 0; rank < link.numRanks(); rank++) {
            commands.add(link.at(rank, command(rank, link.numRanks(), meeting, link.interfaceName())));
        }
        return Team.start(AllReducePeer.GLOO.title(), commands, List.of());
    }

    /** A file in which ranks write where they are. */
    private static Path meeting() throws IOException {
        Path file = Files.createTempFile("kinema-gloo-", "");
        file.toFile().deleteOnExit();
        return file;
    }

    private List<String> command(int rank, int numRanks, Path meeting, String interfaceName) {
        List<String> command = new ArrayList<>(Team.OWN_ENVIRONMENT);
        command.addAll(List.of(python, "-u", script.toString()));
        command.addAll(List.of("--rank", Integer.toString(rank), "--ranks", Integer.toString(numRanks)));
        command.addAll(List.of("--meeting", meeting.toString(), "--interface", interfaceName));
        return command;
    }
}
