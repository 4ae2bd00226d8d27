package io.kinema.train.dist.transport;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.Method;
import java.nio.channels.DatagramChannel;

/**
 * Socket options of Linux that Java has no names for: the kernel, or the network card, cuts what is sent into segments
 * and joins those that come one after the other, so that they pass through the network stack together. Source:
 * {@code udp(7)}. Elsewhere they are refused.
 */
final class UdpOffload {
    private static final int SOL_UDP = 17;
    private static final int UDP_SEGMENT = 103;
    private static final int UDP_GRO = 104;

    private static final MethodHandle SETSOCKOPT = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("setsockopt"),
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_INT));

    private UdpOffload() {}

    /**
     * Has whatever is longer sent in segments of so many bytes, in one call; 0 for as it is. False when the kernel
     * cannot.
     */
    static boolean setSegmentBytes(DatagramChannel channel, int bytes) {
        return set(channel, UDP_SEGMENT, bytes);
    }

    /** Has segments of equal length that came one after the other handed over in one piece, where the kernel can. */
    static void joinReceived(DatagramChannel channel) {
        set(channel, UDP_GRO, 1);
    }

    private static boolean set(DatagramChannel channel, int option, int value) {
        if (!System.getProperty("os.name").equals("Linux")) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment argument = arena.allocateFrom(ValueLayout.JAVA_INT, value);
            return (int) SETSOCKOPT.invokeExact(descriptor(channel), SOL_UDP, option, argument, Integer.BYTES) == 0;
        } catch (Throwable e) {
            throw new IllegalStateException("setsockopt of a datagram channel", e);
        }
    }

    /** The launch scripts open the JDK's package for Agrona, which asks for no less. */
    private static int descriptor(DatagramChannel channel) throws ReflectiveOperationException {
        Method getter = channel.getClass().getMethod("getFDVal");
        getter.setAccessible(true);
        return (int) getter.invoke(channel);
    }
}
