package io.kinema.train.dist.process;

import io.aeron.exceptions.AeronException;
import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a host of a run does for the launcher, which it joins over TCP: embeds the media driver, starts ranks, tells of
 * their ends. When the connection breaks, or nothing comes for too long, it kills its ranks.
 */
public final class HostAgent implements AutoCloseable {
    private static final Duration FIRST_PATIENCE = Duration.ofSeconds(30);
    private static final int CONNECT_MS = 5_000;
    private static final long RETRY_MS = 200;

    private final HostLink link;
    private final Secret secret;
    private final Work work;
    private final Map<Integer, LocalRank> ranks = new HashMap<>();
    private Optional<MediaDriverHost> driver = Optional.empty();
    private Path logs = Path.of("");

    /** What ranks are, which this package does not know. */
    public interface Work {
        /**
         * Looks for the run's files.
         *
         * @param run what {@link RemoteHost#check} was given
         * @return folder of the ranks' logs
         * @throws ConfigException when something is not there
         */
        Path check(String run);

        /**
         * Returns how to start a rank.
         *
         * @param variables what it finds in its environment
         * @return the command
         */
        RankCommand command(Map<String, String> variables);
    }

    /**
     * Who a host says it is.
     *
     * @param index its place in the launcher's list
     * @param localRank how many before it the one is that has this machine's media driver; 0 if it has it itself
     * @param secret that hosts and ranks prove to know
     */
    public record Identity(int index, int localRank, Secret secret) {}

    private HostAgent(HostLink link, Secret secret, Work work) {
        this.link = link;
        this.secret = secret;
        this.work = work;
    }

    /**
     * Joins a launcher, trying again while nobody listens there.
     *
     * @param host name or address of the launcher's host, resolved anew at each attempt
     * @param port where it listens
     * @param identity who this is
     * @param limit how long to try
     * @param work what ranks are
     * @return the agent; {@link #serve} it and close it
     * @throws ConfigException when the launcher turns it away, or does not know the secret
     * @throws IOException when nobody answers
     * @throws InterruptedException when the waiting thread is interrupted
     */
    public static HostAgent join(String host, int port, Identity identity, Duration limit, Work work)
            throws IOException, InterruptedException {
        Socket socket = connect(host, port, limit);
        HostLink link;
        try {
            link = HostLink.ofHost(socket, identity.secret(), FIRST_PATIENCE);
        } catch (IOException e) {
            throw new IOException("no launcher answers at " + host + ":" + port + ": " + e.getMessage(), e);
        }
        try {
            link.send(new HostMessage(
                    HostMessage.MessageKind.HELLO, identity.index(), identity.localRank() + "\n" + ownName()));
            HostMessage answer = link.receive();
            if (answer.kind() != HostMessage.MessageKind.WELCOME) {
                throw new ConfigException("the launcher at " + host + ":" + port + " says: " + answer.text());
            }
            link.setPatience(Duration.ofSeconds(answer.number()));
            link.startPings();
            return new HostAgent(link, identity.secret(), work);
        } catch (IOException | RuntimeException e) {
            link.close();
            throw e;
        }
    }

    /** For people; a host need not know its address. */
    private static String ownName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "no name";
        }
    }

    private static Socket connect(String host, int port, Duration limit) throws IOException, InterruptedException {
        long endNanos = System.nanoTime() + limit.toNanos();
        while (true) {
            Socket socket = new Socket();
            try {
                socket.connect(new InetSocketAddress(host, port), CONNECT_MS);
                return socket;
            } catch (IOException e) {
                socket.close();
                if (System.nanoTime() >= endNanos) {
                    throw new IOException(
                            "no launcher answered at " + host + ":" + port + " within " + limit.toSeconds() + " s (" + e
                                    + "); check that this host reaches it",
                            e);
                }
            }
            Thread.sleep(RETRY_MS);
        }
    }

    /**
     * Tells the launcher that this host was told to stop: it stops the whole run, with a checkpoint.
     *
     * @param name as "SIGTERM"
     */
    public void onSignal(String name) {
        try {
            link.send(new HostMessage(HostMessage.MessageKind.SIGNAL, 0, name));
        } catch (IOException broken) {
            // serve() finds it broken too, and ends everything.
            return;
        }
    }

    /**
     * Does what the launcher says, until it says that all is done.
     *
     * @return the exit code that it gives
     * @throws IOException when the launcher is lost; the ranks have been killed
     */
    public int serve() throws IOException {
        try {
            while (true) {
                HostMessage message = link.receive();
                if (message.kind() == HostMessage.MessageKind.DONE) {
                    return message.number();
                }
                handle(message);
            }
        } catch (IOException e) {
            throw new IOException("lost the launcher (" + e.getMessage() + "): the ranks of this host were ended", e);
        } finally {
            clear();
        }
    }

    private void handle(HostMessage message) throws IOException {
        switch (message.kind()) {
            case RUN ->
                answer(() -> {
                    logs = work.check(message.text());
                    return "";
                });
            case DRIVER ->
                answer(() -> {
                    // One may be left from a start that another host has failed.
                    driver.ifPresent(MediaDriverHost::close);
                    driver = Optional.of(MediaDriverHost.start(message.number()));
                    return driver.get().directory().toString();
                });
            case SHARE_DRIVER -> answer(() -> share(Path.of(message.text())));
            case START -> start(message.number(), variables(message.text()));
            case TERMINATE -> rank(message).ifPresent(LocalRank::terminate);
            case KILL -> rank(message).ifPresent(LocalRank::kill);
            case STACKS -> tellStacks(message.number(), rank(message));
            case CLOSE ->
                answer(() -> {
                    clear();
                    return "";
                });
            default -> throw new IOException("it said " + message.kind() + ", which launchers do not say");
        }
    }

    /** Something that the launcher waits for. */
    private interface Request {
        String answer() throws IOException;
    }

    private void answer(Request request) throws IOException {
        HostMessage message;
        try {
            message = new HostMessage(HostMessage.MessageKind.ANSWER, 0, request.answer());
        } catch (IOException | ConfigException | AeronException e) {
            message = new HostMessage(HostMessage.MessageKind.REFUSED, 0, e.getMessage());
        }
        link.send(message);
    }

    private static String share(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new IOException("the media driver's folder " + directory
                    + " is not here; processes with a LOCAL_RANK share the machine, and its /dev/shm, with the"
                    + " one whose RANK is"
                    + " LOCAL_RANK less");
        }
        return directory.toString();
    }

    /** Empty for one that could not be started. */
    private Optional<LocalRank> rank(HostMessage message) {
        return Optional.ofNullable(ranks.get(message.number()));
    }

    private static Map<String, String> variables(String lines) {
        Map<String, String> variables = new HashMap<>();
        lines.lines().forEach(line -> {
            int equals = line.indexOf('=');
            variables.put(line.substring(0, equals), line.substring(equals + 1));
        });
        return variables;
    }

    private void start(int number, Map<String, String> variables) throws IOException {
        RankLog log = RankLog.of(logs, number);
        try {
            LocalRank rank = LocalRank.start(work.command(variables), secret, log);
            ranks.put(number, rank);
            rank.exit().thenAccept(code -> send(HostMessage.MessageKind.EXITED, number, Integer.toString(code)));
        } catch (IOException e) {
            log.note(RankLog.ERROR + e.getMessage());
            send(HostMessage.MessageKind.EXITED, number, "1");
        }
    }

    private void tellStacks(int number, Optional<LocalRank> rank) throws IOException {
        try {
            if (rank.isPresent()) {
                rank.get().stacks().thenAccept(text -> send(HostMessage.MessageKind.STACKS, number, text));
            }
        } catch (InterruptedException e) {
            throw new IOException("interrupted", e);
        }
    }

    private void send(HostMessage.MessageKind kind, int number, String text) {
        try {
            link.send(new HostMessage(kind, number, text));
        } catch (IOException broken) {
            // serve() finds it broken too, and ends everything.
            return;
        }
    }

    /** Kills the ranks, waits until they are gone, and ends the driver. */
    private void clear() {
        ranks.values().forEach(LocalRank::kill);
        ranks.values().forEach(rank -> rank.exit().join());
        ranks.clear();
        driver.ifPresent(MediaDriverHost::close);
        driver = Optional.empty();
    }

    @Override
    public void close() throws IOException {
        link.close();
    }
}
