package io.kinema.train;

import io.kinema.train.Fault.Phase;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/**
 * A Java agent by which a rank comes to harm at a moment of a test's choice, with nothing in the product to that end:
 * it makes the method of a {@link Fault}'s phase call {@link #entered} first. Ranks inherit the agent from the
 * launcher, where it makes the network lose what {@link FaultyNetwork} says. Its argument: the folder of the faults,
 * the run's folder and the data set's, separated by {@code ;}.
 */
public final class FaultAgent {
    private static final Map<Phase, AtomicInteger> CALLS = new ConcurrentHashMap<>();

    private static Path faults;
    private static Path run;
    private static Path data;
    private static List<Fault> armed;

    private FaultAgent() {}

    /**
     * Writes a jar that makes this class an agent, and returns the flag for the JVM; the class itself is on the class
     * path.
     */
    static String flag(Path faults, Path run, Path data) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Premain-Class", FaultAgent.class.getName());
        Path jar = faults.resolve("agent.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream _ = new JarOutputStream(out, manifest)) {
            return "-javaagent:" + jar + "=" + faults + ";" + run + ";" + data;
        }
    }

    public static void premain(String argument, Instrumentation instrumentation) throws IOException {
        String[] paths = argument.split(";");
        faults = Path.of(paths[0]);
        run = Path.of(paths[1]);
        data = Path.of(paths[2]);
        List<Fault> left = Fault.read(faults).stream()
                .filter(fault -> !Files.exists(fault.marker(faults)))
                .toList();
        String rank = System.getenv("KINEMA_RANK");
        if (rank == null) {
            FaultyNetwork.install(faults, left, instrumentation);
            return;
        }
        armed = left.stream()
                .limit(1
                        + left.stream()
                                .takeWhile(fault -> fault.harm().isOfNetwork())
                                .count())
                .filter(fault -> fault.rank() == Integer.parseInt(rank))
                .toList();
        for (Phase phase : armed.stream().map(Fault::phase).distinct().toList()) {
            instrumentation.addTransformer(new Transformer(phase));
        }
    }

    private record Transformer(Phase phase) implements ClassFileTransformer {
        @Override
        public byte[] transform(
                ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] bytes) {
            if (!name.replace('/', '.').equals(phase.className)) {
                return null;
            }
            ClassFile classFile = ClassFile.of();
            ClassTransform prologues = ClassTransform.transformingMethodBodies(
                    method -> method.methodName().equalsString(phase.method), new Prologue(phase));
            return classFile.transformClass(classFile.parse(bytes), prologues);
        }
    }

    private record Prologue(Phase phase) implements CodeTransform {
        @Override
        public void atStart(CodeBuilder code) {
            code.loadConstant(phase.name());
            code.invokestatic(
                    ClassDesc.of(FaultAgent.class.getName()),
                    "entered",
                    MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_String));
        }

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            code.with(element);
        }
    }

    /** Called by the method in question. */
    public static void entered(String phaseName) throws IOException, InterruptedException {
        Phase phase = Phase.valueOf(phaseName);
        int call = CALLS.computeIfAbsent(phase, _ -> new AtomicInteger()).incrementAndGet();
        for (Fault fault : armed) {
            if (fault.phase() == phase && fault.call() == call) {
                Files.createFile(fault.marker(faults));
                happen(fault);
            }
        }
    }

    private static void happen(Fault fault) throws IOException, InterruptedException {
        switch (fault.harm()) {
            case LOSE_ONE_PERCENT, LOSE_TEN_PERCENT, CUT_NETWORK -> {
                // The launcher, where the media driver is, sees the marker.
                return;
            }
            case KILL -> signal("KILL");
            case STOP -> signal("STOP");
            case HANG -> Thread.sleep(Long.MAX_VALUE);
            case THROW -> throw new IllegalStateException("an exception in " + fault.phase());
            case FILL_DISK -> fillDisk();
            case TEAR_CHECKPOINT -> {
                Path weights = newestCheckpoint().resolve("model.safetensors");
                byte[] whole = Files.readAllBytes(weights);
                Files.write(weights, Arrays.copyOf(whole, whole.length / 2));
                signal("KILL");
            }
            case FLIP_CHECKPOINT -> {
                flip(optimizerFiles());
                signal("KILL");
            }
            case LOSE_OPTIMIZER -> {
                for (Path file : optimizerFiles()) {
                    Files.delete(file);
                }
            }
            case FLIP_SHARDS -> {
                flipShards(data);
                signal("KILL");
            }
        }
    }

    private static void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder(
                        "kill",
                        "-" + name,
                        Long.toString(ProcessHandle.current().pid()))
                .start()
                .waitFor();
        if (name.equals("KILL")) {
            // The signal may come a moment after the program that sent it has ended.
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    /** A device that is always full takes the place of the file. */
    private static void fillDisk() throws IOException {
        try (Stream<Path> folders = Files.list(run.resolve("checkpoints"))) {
            Path temporary = folders.filter(
                            folder -> folder.getFileName().toString().endsWith(".tmp"))
                    .findFirst()
                    .orElseThrow();
            Files.createSymbolicLink(temporary.resolve("model.safetensors"), Path.of("/dev/full"));
        }
    }

    private static List<Path> optimizerFiles() throws IOException {
        try (Stream<Path> files = Files.list(newestCheckpoint())) {
            return files.filter(file -> file.getFileName().toString().startsWith("optimizer"))
                    .toList();
        }
    }

    private static Path newestCheckpoint() throws IOException {
        return run.resolve("checkpoints")
                .resolve(Files.readString(run.resolve("checkpoints/LATEST")).strip());
    }

    /** Changes a bit of each shard; a second time restores them. */
    static void flipShards(Path data) throws IOException {
        try (Stream<Path> shards = Files.list(data.resolve("shards"))) {
            flip(shards.toList());
        }
    }

    private static void flip(List<Path> files) throws IOException {
        for (Path file : files) {
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length / 2] ^= 1;
            Files.write(file, bytes);
        }
    }
}
