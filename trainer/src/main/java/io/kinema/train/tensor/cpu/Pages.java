package io.kinema.train.tensor.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.lang.management.ManagementFactory;

/**
 * Memory mapped from the operating system: all zero, and physical only where it was touched.
 *
 * @param address where it begins
 * @param bytes how long it is
 */
record Pages(long address, long bytes) {
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final int NO_RESERVE = 0x4000;
    private static final int HUGE_PAGES = 14;
    private static final long PAGE = 4096;
    private static final long HUGE_PAGE = 1 << 21;

    private static final MethodHandle MMAP = handle(
            "mmap", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP = handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MADVISE =
            handle("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));

    private static MethodHandle handle(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }

    /** Maps memory that counts against the machine's limit on commitments. */
    static Pages map(long bytes) {
        return map(bytes, PRIVATE_ANONYMOUS);
    }

    /** Maps addresses only; what is not touched costs nothing. */
    static Pages reserve(long bytes) {
        return map(bytes, PRIVATE_ANONYMOUS | NO_RESERVE);
    }

    /**
     * As many bytes as are mapped for so many: the kernel joins neighbouring mappings, so that huge pages may span
     * them.
     */
    static long rounded(long bytes) {
        return (bytes + PAGE - 1) / PAGE * PAGE;
    }

    private static Pages map(long bytes, int flags) {
        long rounded = rounded(bytes);
        try {
            long address = (long) MMAP.invokeExact(0L, rounded, READ_WRITE, flags, -1, 0L);
            if (address == -1) {
                throw new OutOfMemoryError("cannot map " + rounded + " bytes of memory; lower --tokens, or look at "
                        + "the limits of this process (ulimit -v, vm.overcommit_memory)");
            }
            if (rounded >= HUGE_PAGE) {
                // Advice: where the kernel has no huge pages, small ones serve.
                int _ = (int) MADVISE.invokeExact(address, rounded, HUGE_PAGES);
            }
            return new Pages(address, rounded);
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("mmap", e);
        }
    }

    void unmap() {
        try {
            int result = (int) MUNMAP.invokeExact(address, bytes);
            if (result != 0) {
                throw new IllegalStateException("cannot unmap " + bytes + " bytes at " + address);
            }
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("munmap", e);
        }
    }

    /** The memory of this machine. */
    static long physicalBytes() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getTotalMemorySize();
    }
}
