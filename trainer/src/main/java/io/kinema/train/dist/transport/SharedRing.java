package io.kinema.train.dist.transport;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * Memory that one rank writes payloads to and one other on the same host reads them from, where they lie: a file in the
 * media driver's directory, which both map. Short enough to stay in the processor's caches. Each side is used by one
 * thread.
 *
 * <pre>
 *    0 long   given up   how far the reader has used what was written, in bytes since the beginning
 * 4096 bytes  {@link #BYTES}; byte number n of those written lies at n modulo {@link #BYTES}, a payload in one piece
 * </pre>
 */
public final class SharedRing implements AutoCloseable {
    /** The capacity of a ring. */
    public static final int BYTES = 512 * 1024;

    private static final int DATA = 4_096;
    static final int FILE_BYTES = DATA + BYTES;
    private static final int ALIGNMENT = 64;
    private static final VarHandle GIVEN_UP = ValueLayout.JAVA_LONG.varHandle();

    /** Frames' tags do not cover what lies here. */
    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final ByteBuffer data;
    private long written;

    private SharedRing(FileChannel file) throws IOException {
        memory = file.map(FileChannel.MapMode.READ_WRITE, 0, FILE_BYTES, arena);
        data = memory.asSlice(DATA).asByteBuffer();
    }

    /**
     * Where the ring between two ranks is.
     *
     * @param driverDirectory of the host's media driver
     * @param run number of the run
     * @param from the rank that writes
     * @param to the rank that reads
     * @return a path
     */
    public static Path file(Path driverDirectory, long run, int from, int to) {
        return driverDirectory.resolve("ring-%016x-%d-%d".formatted(run, from, to));
    }

    /**
     * The writer's side, of a ring that was not there or is written anew.
     *
     * @param file that holds the ring
     * @return the ring; the caller closes it
     * @throws IOException when a file or a connection fails
     */
    public static SharedRing create(Path file) throws IOException {
        // Who has mapped one that was there keeps it.
        Files.deleteIfExists(file);
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
                OWNER_ONLY)) {
            return new SharedRing(channel);
        }
    }

    /**
     * The reader's side.
     *
     * @param file that holds the ring
     * @return the ring; the caller closes it
     * @throws IOException when a file or a connection fails
     */
    public static SharedRing open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (channel.size() != FILE_BYTES) {
                throw new IOException(file + " has " + channel.size() + " bytes instead of " + FILE_BYTES);
            }
            return new SharedRing(channel);
        }
    }

    /**
     * Where so many bytes can be written now, −1 where there is no room.
     *
     * @param bytes of the message
     * @return the position to write at, or a negative number where there is no room
     */
    public long room(int bytes) {
        long rest = BYTES - written % BYTES;
        long position = bytes <= rest ? written : written + rest;
        return position + bytes - (long) GIVEN_UP.getAcquire(memory, 0L) <= BYTES ? position : -1;
    }

    /**
     * Counts bytes there as written.
     *
     * @param position in the stream of bytes
     * @param bytes of the message
     */
    public void write(long position, int bytes) {
        written = end(position, bytes);
    }

    /**
     * Where what is written behind such a payload begins.
     *
     * @param position in the stream of bytes
     * @param bytes of the message
     * @return a position
     */
    public static long end(long position, int bytes) {
        return position + bytes + ALIGNMENT - 1 & -ALIGNMENT;
    }

    /**
     * Gives all before a position up to the writer.
     *
     * @param position in the stream of bytes
     */
    public void giveUp(long position) {
        GIVEN_UP.setRelease(memory, 0L, position);
    }

    /**
     * Whether a payload can be there.
     *
     * @param position in the stream of bytes
     * @param bytes of the message
     * @return whether the message stands in one piece
     */
    public static boolean hasPlace(long position, int bytes) {
        return position >= 0 && bytes >= 0 && bytes <= BYTES - position % BYTES;
    }

    /**
     * Returns the place of a message, as memory.
     *
     * @param position in the stream of bytes
     * @param bytes of the message
     * @return a view
     */
    public MemorySegment memory(long position, int bytes) {
        return memory.asSlice(DATA + position % BYTES, bytes);
    }

    /**
     * Returns the place of a message, as a buffer.
     *
     * @param position in the stream of bytes
     * @param bytes of the message
     * @return a view
     */
    public ByteBuffer buffer(long position, int bytes) {
        return data.slice((int) (position % BYTES), bytes);
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
