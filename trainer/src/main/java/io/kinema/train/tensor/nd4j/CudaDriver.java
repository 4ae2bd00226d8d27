package io.kinema.train.tensor.nd4j;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.List;

/**
 * Asks NVIDIA's driver library about the cards, before ND4J loads its CUDA libraries: on a card that they do not serve,
 * loading them may end the JVM. It sees what ND4J will see, CUDA_VISIBLE_DEVICES heeded.
 *
 * <p>Functions and numbers are those of the CUDA driver API, {@code cuda.h}.
 */
final class CudaDriver {
    /** The driver's library on Linux. */
    static final String LIBRARY = "libcuda.so.1";

    private static final int CUDA_SUCCESS = 0;
    private static final int CUDA_ERROR_NO_DEVICE = 100;
    private static final int ATTRIBUTE_CAPABILITY_MAJOR = 75;
    private static final int ATTRIBUTE_CAPABILITY_MINOR = 76;
    private static final int NAME_BYTES = 256;

    private final SymbolLookup library;

    private CudaDriver(SymbolLookup library) {
        this.library = library;
    }

    /** Whether ND4J would find its CUDA backend; looks without loading it. */
    static boolean isBackendPresent() {
        return CudaDriver.class.getClassLoader().getResource("org/nd4j/linalg/jcublas/JCublasBackend.class") != null;
    }

    /**
     * Returns the properties of the cards that a CUDA program in this process sees.
     *
     * @param libraryName {@link #LIBRARY}, or a path
     * @return no element where the driver shows no card
     * @throws io.kinema.data.command.ConfigException where there is no driver, or it fails
     */
    static List<CudaProperties> cards(String libraryName) {
        SymbolLookup library;
        try {
            // Loaded for good, as ND4J will load it anyway.
            library = SymbolLookup.libraryLookup(libraryName, Arena.global());
        } catch (IllegalArgumentException e) {
            throw CudaProperties.unavailable("the NVIDIA driver's " + libraryName + " is not installed");
        }
        return new CudaDriver(library).cards();
    }

    private List<CudaProperties> cards() {
        int initialised = call("cuInit", 0);
        if (initialised == CUDA_ERROR_NO_DEVICE) {
            return List.of();
        }
        requireSuccess("cuInit", initialised);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment number = arena.allocate(JAVA_INT);
            MemorySegment name = arena.allocate(NAME_BYTES);
            int driverCuda = number("cuDriverGetVersion", number);
            int count = number("cuDeviceGetCount", number);
            List<CudaProperties> cards = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int device = number("cuDeviceGet", number, i);
                requireSuccess("cuDeviceGetName", call("cuDeviceGetName", name, NAME_BYTES, device));
                int major = number("cuDeviceGetAttribute", number, ATTRIBUTE_CAPABILITY_MAJOR, device);
                int minor = number("cuDeviceGetAttribute", number, ATTRIBUTE_CAPABILITY_MINOR, device);
                cards.add(new CudaProperties(driverCuda, name.getString(0), major, minor));
            }
            return cards;
        }
    }

    /** Calls a function whose first parameter receives an int, and returns that. */
    private int number(String function, MemorySegment receiver, Object... arguments) {
        List<Object> all = new ArrayList<>();
        all.add(receiver);
        all.addAll(List.of(arguments));
        requireSuccess(function, call(function, all.toArray()));
        return receiver.get(JAVA_INT, 0);
    }

    /** Calls a function of pointers and ints; its result is a CUresult. */
    private int call(String function, Object... arguments) {
        FunctionDescriptor descriptor = FunctionDescriptor.of(JAVA_INT);
        for (Object argument : arguments) {
            descriptor = descriptor.appendArgumentLayouts(argument instanceof MemorySegment ? ADDRESS : JAVA_INT);
        }
        MemorySegment address = library.find(function)
                .orElseThrow(() -> CudaProperties.unavailable("the NVIDIA driver has no " + function));
        try {
            return (int)
                    Linker.nativeLinker().downcallHandle(address, descriptor).invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException("the call of " + function + " failed", e);
        }
    }

    private static void requireSuccess(String function, int result) {
        if (result != CUDA_SUCCESS) {
            throw CudaProperties.unavailable("the NVIDIA driver's " + function + " fails with CUDA error " + result);
        }
    }
}
