package io.kinema.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.instruction.ReturnInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Between the kernel and the launcher's media driver: datagrams that arrive, of frames and of what receivers answer,
 * are lost from the moment at which a rank meets a {@link Fault} of the network.
 */
public final class FaultyNetwork {
    /** What senders and receivers of datagrams are. */
    private static final String TRANSPORT = "io/aeron/driver/media/UdpChannelTransport";

    private static final Duration CUT = Duration.ofSeconds(3);
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    // Of the media driver's one thread.
    private static final Random RANDOM = new Random(1);
    private static Path folder;
    private static List<Fault> ofNetwork;
    private static long lookedNanos;
    private static double rate;
    private static List<Fault> inForce = List.of();

    private FaultyNetwork() {}

    static void install(Path faults, List<Fault> left, Instrumentation instrumentation) {
        folder = faults;
        ofNetwork = left.stream().filter(fault -> fault.harm().isOfNetwork()).toList();
        if (!ofNetwork.isEmpty()) {
            instrumentation.addTransformer(new Transformer());
        }
    }

    private static final class Transformer implements ClassFileTransformer {
        @Override
        public byte[] transform(
                ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] bytes) {
            if (!name.equals(TRANSPORT)) {
                return null;
            }
            ClassDesc source = ClassDesc.of(InetSocketAddress.class.getName());
            CodeTransform losing = (code, element) -> {
                if (element instanceof ReturnInstruction) {
                    code.invokestatic(
                            ClassDesc.of(FaultyNetwork.class.getName()), "deliver", MethodTypeDesc.of(source, source));
                }
                code.with(element);
            };
            ClassFile classFile = ClassFile.of();
            return classFile.transformClass(
                    classFile.parse(bytes),
                    ClassTransform.transformingMethodBodies(
                            method -> method.methodName().equalsString("receive")
                                    && method.methodTypeSymbol().returnType().equals(source),
                            losing));
        }
    }

    /** Called with the sender of what has arrived, or null when nothing has; returns null when it is lost. */
    public static InetSocketAddress deliver(InetSocketAddress source) {
        try {
            if (System.nanoTime() - lookedNanos > LOOK_NANOS) {
                look();
                lookedNanos = System.nanoTime();
            }
            if (source == null || RANDOM.nextDouble() >= rate) {
                return source;
            }
            for (Fault fault : inForce) {
                if (!Files.exists(fault.lossMarker(folder))) {
                    Files.createFile(fault.lossMarker(folder));
                }
            }
            return null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of what has happened the worst decides. */
    private static void look() throws IOException {
        List<Fault> now = new ArrayList<>();
        double worst = 0;
        for (Fault fault : ofNetwork) {
            double lost = lost(fault);
            if (lost > 0) {
                now.add(fault);
                worst = Math.max(worst, lost);
            }
        }
        inForce = now;
        rate = worst;
    }

    private static double lost(Fault fault) throws IOException {
        Path marker = fault.marker(folder);
        if (!Files.exists(marker)) {
            return 0;
        }
        return switch (fault.harm()) {
            case LOSE_ONE_PERCENT -> 0.01;
            case LOSE_TEN_PERCENT -> 0.1;
            default -> Files.getLastModifiedTime(marker).toInstant().plus(CUT).isAfter(Instant.now()) ? 1 : 0;
        };
    }
}
