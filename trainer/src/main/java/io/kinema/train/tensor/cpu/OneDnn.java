package io.kinema.train.tensor.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.DType;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import org.bytedeco.javacpp.Loader;

/**
 * The oneDNN library (oneapi-src.github.io/oneDNN), called directly: pointers are longs here, so that a call makes no
 * garbage. What is created lives as long as the process, as the library's own caches do. Every call runs in the calling
 * thread.
 */
final class OneDnn {
    static final int ARG_SRC = 1;
    static final int ARG_DST = 17;
    static final int ARG_WEIGHTS = 33;
    static final int ARG_BIAS = 41;
    static final int ARG_SCRATCHPAD = 80;

    private static final int CPU = 1;
    private static final int IN_ORDER = 1;
    private static final int TAG_ANY = 1;
    private static final int USER_SCRATCHPAD = 1;
    private static final int QUERY_WEIGHTS = 131;
    private static final int QUERY_SCRATCHPAD = 136;

    /** The bit that AVX512_BF16 adds to the sets of instructions (dnnl_cpu_isa_t). */
    private static final int ISA_BF16 = 0x80;

    private static final SymbolLookup LIBRARY = open();
    private static final MethodHandle ENGINE_CREATE = handle("engine_create", JAVA_LONG, JAVA_INT, JAVA_LONG);
    private static final MethodHandle STREAM_CREATE = handle("stream_create", JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle DESC_STRIDES =
            handle("memory_desc_create_with_strides", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG);
    private static final MethodHandle DESC_TAG =
            handle("memory_desc_create_with_tag", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle MEMORY_CREATE =
            handle("memory_create", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SET_DATA = handle("memory_set_data_handle", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle ATTR_CREATE = handle("primitive_attr_create", JAVA_LONG);
    private static final MethodHandle ATTR_SCRATCHPAD =
            handle("primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT);
    private static final MethodHandle ATTR_POST_OPS = handle("primitive_attr_set_post_ops", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle POST_OPS_CREATE = handle("post_ops_create", JAVA_LONG);
    private static final MethodHandle POST_OPS_SUM =
            handle("post_ops_append_sum", JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT);
    private static final MethodHandle MATMUL_DESC = handle(
            "matmul_primitive_desc_create",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    private static final MethodHandle REORDER_DESC =
            handle("reorder_primitive_desc_create", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PRIMITIVE_CREATE = handle("primitive_create", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle EXECUTE = handle("primitive_execute", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);
    private static final MethodHandle QUERY_MD = Linker.nativeLinker()
            .downcallHandle(
                    LIBRARY.findOrThrow("dnnl_primitive_desc_query_md"),
                    FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
    private static final MethodHandle DESC_BYTES = Linker.nativeLinker()
            .downcallHandle(
                    LIBRARY.findOrThrow("dnnl_memory_desc_get_size"), FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle ISA = handle("get_effective_cpu_isa");

    private static final long ENGINE = create(out -> (int) ENGINE_CREATE.invokeExact(out, CPU, 0L));
    private static final long STREAM = create(out -> (int) STREAM_CREATE.invokeExact(out, ENGINE, IN_ORDER));

    private OneDnn() {}

    private interface Creation {
        int into(long out) throws Throwable;
    }

    private interface Call {
        long make() throws Throwable;
    }

    private static SymbolLookup open() {
        // Its OpenMP runtime must never start threads: tiles run one to a thread of ours.
        try {
            String folder = "/org/bytedeco/dnnl/" + Loader.getPlatform() + "/";
            SymbolLookup.libraryLookup(extract(folder + "libgomp.so.1").toPath(), Arena.global());
            return SymbolLookup.libraryLookup(extract(folder + "libdnnl.so.3").toPath(), Arena.global());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static File extract(String name) throws IOException {
        URL resource = OneDnn.class.getResource(name);
        if (resource == null) {
            throw new ConfigException("--device cpu needs oneDNN, and there is no " + name
                    + " on the classpath; use --device nd4j on this platform");
        }
        return Loader.cacheResource(resource);
    }

    private static MethodHandle handle(String name, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(LIBRARY.findOrThrow("dnnl_" + name), FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private static long create(Creation creation) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_LONG);
            requireSuccess((int) call(() -> creation.into(out.address())));
            return out.get(JAVA_LONG, 0);
        }
    }

    private static long call(Call call) {
        try {
            return call.make();
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("oneDNN", e);
        }
    }

    private static void requireSuccess(int status) {
        if (status != 0) {
            throw new IllegalStateException("oneDNN answers with status " + status);
        }
    }

    /** Whether products of BF16 have instructions of their own here. */
    static boolean hasNativeBf16() {
        return System.getProperty("os.arch").equals("amd64") && (call(() -> (int) ISA.invokeExact()) & ISA_BF16) != 0;
    }

    private static int dataType(DType type) {
        return switch (type) {
            case BF16 -> 2;
            case FP32 -> 3;
            case FP16, FP64 -> throw new IllegalArgumentException("no products in " + type);
        };
    }

    /** Describes a matrix by its strides, in elements. */
    static long matrix(DType type, long rows, long columns, long rowStride, long columnStride) {
        try (Arena arena = Arena.ofConfined()) {
            long extents = arena.allocateFrom(JAVA_LONG, rows, columns).address();
            long strides =
                    arena.allocateFrom(JAVA_LONG, rowStride, columnStride).address();
            return create(out -> (int) DESC_STRIDES.invokeExact(out, 2, extents, dataType(type), strides));
        }
    }

    /** Describes a matrix that the library may lay out as it likes best. */
    static long anyMatrix(DType type, long rows, long columns) {
        try (Arena arena = Arena.ofConfined()) {
            long extents = arena.allocateFrom(JAVA_LONG, rows, columns).address();
            return create(out -> (int) DESC_TAG.invokeExact(out, 2, extents, dataType(type), TAG_ANY));
        }
    }

    /** Describes bytes. */
    static long bytesOf(long description) {
        return call(() -> (long) DESC_BYTES.invokeExact(description));
    }

    /** Plans a product of matrices; {@code bias} is 0 where there is none. */
    static long matmul(long a, long b, long bias, long c, boolean accumulate) {
        long attributes = attributes();
        if (accumulate) {
            long sum = create(out -> (int) POST_OPS_CREATE.invokeExact(out));
            requireSuccess((int) call(() -> (int) POST_OPS_SUM.invokeExact(sum, 1f, 0, 0)));
            requireSuccess((int) call(() -> (int) ATTR_POST_OPS.invokeExact(attributes, sum)));
        }
        return create(out -> (int) MATMUL_DESC.invokeExact(out, ENGINE, a, b, bias, c, attributes));
    }

    /** Plans a copy from one layout to another. */
    static long reorder(long from, long to) {
        long attributes = attributes();
        return create(out -> (int) REORDER_DESC.invokeExact(out, from, ENGINE, to, ENGINE, attributes));
    }

    private static long attributes() {
        long attributes = create(out -> (int) ATTR_CREATE.invokeExact(out));
        requireSuccess((int) call(() -> (int) ATTR_SCRATCHPAD.invokeExact(attributes, USER_SCRATCHPAD)));
        return attributes;
    }

    /** The layout that a planned product wants of its right matrix. */
    static long weightsOf(long plan) {
        return call(() -> (long) QUERY_MD.invokeExact(plan, QUERY_WEIGHTS, 0));
    }

    /** The scratch memory that a plan needs. */
    static long scratchpadOf(long plan) {
        return call(() -> (long) QUERY_MD.invokeExact(plan, QUERY_SCRATCHPAD, 0));
    }

    /** Compiles a plan. */
    static long primitive(long plan) {
        return create(out -> (int) PRIMITIVE_CREATE.invokeExact(out, plan));
    }

    /** A memory without memory, see {@link #point}. */
    static long memory(long description) {
        return create(out -> (int) MEMORY_CREATE.invokeExact(out, description, ENGINE, 0L));
    }

    /** Points a memory at an address. */
    static void point(long memory, long address) {
        try {
            requireSuccess((int) SET_DATA.invokeExact(memory, address));
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("oneDNN", e);
        }
    }

    /** Runs a primitive in this thread. */
    static void execute(long primitive, int numArguments, long arguments) {
        try {
            requireSuccess((int) EXECUTE.invokeExact(primitive, STREAM, numArguments, arguments));
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("oneDNN", e);
        }
    }
}
