package io.kinema.train.dist.transport;

import io.aeron.CncFileDescriptor;
import io.aeron.CommonContext;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ReceiveChannelEndpointSupplier;
import io.aeron.driver.SendChannelEndpointSupplier;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.agrona.IoUtil;

/**
 * The Aeron media driver of one host, embedded in its launcher: it maps the streams between the host's ranks and sends
 * and receives the UDP of those that have peers elsewhere.
 *
 * <p>Its directory lies in shared memory where there is any, and is deleted on close, at the JVM's exit, and, after a
 * launcher was killed, by the next one that starts. One thread serves it ({@link ThreadingMode#SHARED}), which parks
 * when there is nothing to do ({@link DriverIdle}): the ranks need the cores.
 */
public final class MediaDriverHost implements AutoCloseable {
    /** The largest frame that Aeron allows in shared memory. */
    private static final int IPC_FRAME_BYTES = 65_504;

    /**
     * Aeron's datagrams, which {@link SegmentSender} cuts to what the link carries: as long as they and the headers of
     * segments of 1,452 bytes may be for Linux to take them in one call.
     */
    static final int UDP_DATAGRAM_BYTES = 62 * 1024;

    /** What every rank takes from every other over UDP before it has used any: three datagrams. */
    public static final int MIN_UDP_WINDOW_BYTES = 192 * 1024;

    /** More does not help on a link of 50 ms times 1 Gbit/s, and leaves the caches. */
    private static final int MAX_UDP_WINDOW_BYTES = 1024 * 1024;

    /** Clients and peers count as dead after this long without a sign of life; a busy host may starve a thread. */
    public static final Duration LIVENESS = Duration.ofSeconds(30);

    /** How long the last frames of a rank that has left are sent again where the network lost them. */
    private static final Duration LINGER = Duration.ofSeconds(5);

    private static final String DIRECTORY_PREFIX = "kinema-aeron-";
    /** The prefix, the launcher's process id and a random number. */
    private static final Pattern DIRECTORY_NAME = Pattern.compile(DIRECTORY_PREFIX + "(\\d+)-\\d+");

    /**
     * Aeron's smallest for messages of {@link #IPC_FRAME_BYTES}, which may be an eighth of a term; what is longer goes
     * through rings on one host.
     */
    private static final int MIN_TERM_BYTES = 512 * 1024;

    /** A window is half a term at the most; longer terms only leave the caches. */
    private static final int MAX_TERM_BYTES = 4 * 1024 * 1024;

    private static final int TERMS_A_LOG = 3;
    /** Counters, command and error buffers of a driver, mapped sparsely. */
    private static final long DRIVER_BYTES = 16L * 1024 * 1024;

    /** What all streams together may take of the host's memory once every term has been written. */
    private static final long MAX_STREAM_BYTES = 512L * 1024 * 1024;

    private static final int SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private final MediaDriver driver;
    private final Thread closeAtExit;
    private boolean isClosed;

    private MediaDriverHost(MediaDriver driver) {
        this.driver = driver;
        closeAtExit = new Thread(driver::close, "launch-driver-cleanup");
        Runtime.getRuntime().addShutdownHook(closeAtExit);
    }

    /**
     * Starts a driver.
     *
     * @param numRanks ranks of the whole run, which decides how many streams must fit the memory
     * @return the running driver
     * @throws IOException when no folder has room for the streams
     */
    public static MediaDriverHost start(int numRanks) throws IOException {
        return start(numRanks, SegmentSender::new, SegmentReceiver::new);
    }

    /** Starts a driver whose datagrams go through sockets of a kind. */
    static MediaDriverHost start(
            int numRanks, SendChannelEndpointSupplier senders, ReceiveChannelEndpointSupplier receivers)
            throws IOException {
        Path shared = Path.of("/dev/shm");
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        Path parent = Files.isWritable(shared) && termBytes(shared, numRanks) >= MIN_TERM_BYTES ? shared : temporary;
        int termBytes = termBytes(parent, numRanks);
        if (termBytes < MIN_TERM_BYTES) {
            throw new IOException(parent + " has " + parent.toFile().getUsableSpace() + " bytes free, too few for the "
                    + numStreams(numRanks) + " streams between " + numRanks
                    + " ranks; make room there or enlarge /dev/shm");
        }
        deleteStale(parent);
        Path directory = Files.createTempDirectory(
                parent, DIRECTORY_PREFIX + ProcessHandle.current().pid() + "-");
        MediaDriver.Context context = new MediaDriver.Context()
                .aeronDirectoryName(directory.toString())
                .warnIfDirectoryExists(false)
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new DriverIdle())
                .sharedThreadFactory(task ->
                        Thread.ofPlatform().daemon().name("launch-aeron-driver").unstarted(task))
                .termBufferSparseFile(true)
                .ipcTermBufferLength(MIN_TERM_BYTES)
                .publicationTermBufferLength(termBytes)
                .ipcMtuLength(IPC_FRAME_BYTES)
                .mtuLength(UDP_DATAGRAM_BYTES)
                .sendChannelEndpointSupplier(senders)
                .receiveChannelEndpointSupplier(receivers);
        setSockets(context, numRanks, termBytes / 2);
        setPatience(context);
        MediaDriver driver = MediaDriver.launch(context);
        try {
            // Aeron has made it anew, with what the umask left; streams and rings come after this.
            Files.setPosixFilePermissions(directory, OWNER_ONLY);
        } catch (IOException e) {
            driver.close();
            throw e;
        }
        return new MediaDriverHost(driver);
    }

    /**
     * Whether a folder is that of a process's driver.
     *
     * @param pid of the process that embeds the driver
     * @param directory of a driver
     * @return by its name
     */
    public static boolean isOf(long pid, Path directory) {
        Matcher name = DIRECTORY_NAME.matcher(directory.getFileName().toString());
        return name.matches() && Long.parseLong(name.group(1)) == pid;
    }

    private static void setSockets(MediaDriver.Context context, int numRanks, int maxWindowBytes) throws IOException {
        int bytes = socketBufferBytes();
        // The kernel counts its own structures in; what remains is shared by all that may send at the same time.
        int window = Math.clamp(bytes / 2 / Math.max(1, numRanks - 1), MIN_UDP_WINDOW_BYTES, MAX_UDP_WINDOW_BYTES);
        context.socketRcvbufLength(bytes)
                .socketSndbufLength(bytes)
                .initialWindowLength(Math.min(window, maxWindowBytes));
    }

    private static void setPatience(MediaDriver.Context context) {
        long livenessNs = LIVENESS.toNanos();
        context.clientLivenessTimeoutNs(livenessNs)
                .imageLivenessTimeoutNs(livenessNs)
                .publicationLingerTimeoutNs(LINGER.toNanos())
                .publicationConnectionTimeoutNs(livenessNs)
                .publicationUnblockTimeoutNs(2 * livenessNs);
        context.driverTimeoutMs(LIVENESS.toMillis());
    }

    /**
     * Returns the driver's directory, by which its clients find it.
     *
     * @return an absolute path
     */
    public Path directory() {
        return Path.of(driver.aeronDirectoryName());
    }

    /** Both ends of a UDP stream keep a log of their own. */
    private static long numStreams(int numRanks) {
        return Math.max(1, 2L * numRanks * (numRanks - 1));
    }

    private static long wishedTermBytes(int numRanks) {
        return Math.clamp(MAX_STREAM_BYTES / TERMS_A_LOG / numStreams(numRanks), MIN_TERM_BYTES, MAX_TERM_BYTES);
    }

    /**
     * Returns how much shared memory the streams between ranks of one host take at the most.
     *
     * @param numRanks ranks of the whole run
     * @return bytes; 0 for one rank, which has no streams
     */
    public static long streamBytes(int numRanks) {
        return (long) numRanks * (numRanks - 1) * (TERMS_A_LOG * (long) MIN_TERM_BYTES + SharedRing.FILE_BYTES);
    }

    /** The term length for all streams together to stay within their share of memory; 0 when nothing is free. */
    private static int termBytes(Path parent, int numRanks) {
        long wished = wishedTermBytes(numRanks);
        long free = parent.toFile().getUsableSpace() / 2 - DRIVER_BYTES;
        long affordable = Math.min(wished, free / TERMS_A_LOG / numStreams(numRanks));
        return affordable <= 0 ? 0 : (int) Long.highestOneBit(affordable);
    }

    /**
     * What the kernel grants of the wished-for socket buffers (net.core.rmem_max, wmem_max); Linux says twice as much,
     * for what it needs itself.
     */
    private static int socketBufferBytes() throws IOException {
        try (DatagramChannel probe = DatagramChannel.open()) {
            probe.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
            probe.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
            return Math.min(
                    SOCKET_BUFFER_BYTES,
                    Math.min(
                            probe.getOption(StandardSocketOptions.SO_RCVBUF),
                            probe.getOption(StandardSocketOptions.SO_SNDBUF)));
        }
    }

    /** Deletes what launchers that were killed have left: their process is gone and their driver's heart stopped. */
    private static void deleteStale(Path parent) throws IOException {
        FileTime oldest = FileTime.from(Instant.now().minus(LIVENESS));
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent, DIRECTORY_PREFIX + "*")) {
            for (Path directory : directories) {
                Matcher name = DIRECTORY_NAME.matcher(directory.getFileName().toString());
                // In another container's process table the process may live on: its driver's heart decides.
                if (name.matches()
                        && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()
                        && Files.getLastModifiedTime(directory).compareTo(oldest) < 0
                        && !isBeating(directory)) {
                    IoUtil.delete(directory.toFile(), true);
                }
            }
        }
    }

    private static boolean isBeating(Path directory) throws IOException {
        Path file = directory.resolve(CncFileDescriptor.CNC_FILE);
        if (!Files.exists(file)) {
            return false;
        }
        try (InputStream bytes = Files.newInputStream(file)) {
            byte[] version = bytes.readNBytes(Integer.BYTES);
            // A launcher that was killed before its driver had begun leaves zeros, for whose end Aeron would wait.
            return !Arrays.equals(version, new byte[Integer.BYTES])
                    && CommonContext.isDriverActive(directory.toFile(), LIVENESS.toMillis(), message -> {});
        }
    }

    @Override
    public synchronized void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        driver.close();
        try {
            Runtime.getRuntime().removeShutdownHook(closeAtExit);
        } catch (IllegalStateException exiting) {
            // The hook is running already and finds a closed driver.
            return;
        }
    }
}
