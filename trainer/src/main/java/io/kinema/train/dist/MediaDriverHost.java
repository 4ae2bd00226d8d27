package io.kinema.train.dist;

import io.aeron.CommonContext;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.agrona.IoUtil;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * The Aeron media driver of one host, embedded in its launcher: it maps the streams between the host's ranks and
 * sends and receives the UDP of those that have peers elsewhere.
 *
 * <p>Its directory lies in shared memory where there is any, and is deleted on close, at the JVM's exit, and, after
 * a launcher was killed, by the next one that starts. One thread serves it ({@link ThreadingMode#SHARED}), which parks
 * when there is nothing to do: the ranks need the cores.
 */
public final class MediaDriverHost implements AutoCloseable {
    /** The largest UDP payload that Aeron allows; 1,408 bytes reach a sixth of its loopback throughput. */
    static final int LARGE_MTU_BYTES = 65_504;

    /** Clients and peers count as dead after this long without a sign of life; a busy host may starve a thread. */
    static final Duration LIVENESS = Duration.ofSeconds(30);

    private static final String DIRECTORY_PREFIX = "kinema-aeron-";
    /** The prefix, the launcher's process id and a random number. */
    private static final Pattern DIRECTORY_NAME = Pattern.compile(DIRECTORY_PREFIX + "(\\d+)-\\d+");

    /** Aeron's smallest for messages of {@link #LARGE_MTU_BYTES}, which may be an eighth of a term. */
    private static final int MIN_TERM_BYTES = 512 * 1024;

    private static final int MAX_TERM_BYTES = 16 * 1024 * 1024;
    private static final int TERMS_A_LOG = 3;
    /** Counters, command and error buffers of a driver, mapped sparsely. */
    private static final long DRIVER_BYTES = 16L * 1024 * 1024;

    /** What all streams together may take of the host's memory once every term has been written. */
    private static final long MAX_STREAM_BYTES = 512L * 1024 * 1024;

    private static final int SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

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
        int receiveBytes = receiveBufferBytes();
        long livenessNs = LIVENESS.toNanos();
        MediaDriver.Context context = new MediaDriver.Context()
                .aeronDirectoryName(directory.toString())
                .warnIfDirectoryExists(false)
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new BackoffIdleStrategy(
                        10, 20, TimeUnit.MICROSECONDS.toNanos(1), TimeUnit.MILLISECONDS.toNanos(1)))
                .sharedThreadFactory(task ->
                        Thread.ofPlatform().daemon().name("launch-aeron-driver").unstarted(task))
                .termBufferSparseFile(true)
                .ipcTermBufferLength(termBytes)
                .publicationTermBufferLength(termBytes)
                .ipcMtuLength(LARGE_MTU_BYTES)
                .socketRcvbufLength(receiveBytes)
                .socketSndbufLength(receiveBytes)
                .initialWindowLength(Math.min(receiveBytes, termBytes / 2))
                .clientLivenessTimeoutNs(livenessNs)
                .imageLivenessTimeoutNs(livenessNs)
                .publicationConnectionTimeoutNs(livenessNs)
                .publicationUnblockTimeoutNs(2 * livenessNs);
        context.driverTimeoutMs(LIVENESS.toMillis());
        return new MediaDriverHost(MediaDriver.launch(context));
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
        return numRanks == 1 ? 0 : TERMS_A_LOG * numStreams(numRanks) * wishedTermBytes(numRanks);
    }

    /** The term length for all streams together to stay within their share of memory; 0 when nothing is free. */
    private static int termBytes(Path parent, int numRanks) {
        long wished = wishedTermBytes(numRanks);
        long free = parent.toFile().getUsableSpace() / 2 - DRIVER_BYTES;
        long affordable = Math.min(wished, free / TERMS_A_LOG / numStreams(numRanks));
        return affordable <= 0 ? 0 : (int) Long.highestOneBit(affordable);
    }

    /** What the kernel grants of the wished-for socket buffer (net.core.rmem_max). */
    private static int receiveBufferBytes() throws IOException {
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
                        && !CommonContext.isDriverActive(directory.toFile(), LIVENESS.toMillis(), message -> {})) {
                    IoUtil.delete(directory.toFile(), true);
                }
            }
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
