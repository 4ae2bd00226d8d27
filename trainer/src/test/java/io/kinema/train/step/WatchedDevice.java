package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.train.tensor.Completion;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.UploadBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device that computes as another one does, and holds its user to what a device with a queue needs: how often the
 * host waits for sums, that other threads wait before they touch a tensor, and that upload buffers stay as they are
 * until the device has let them go.
 */
final class WatchedDevice implements InvocationHandler {
    private final Device real;
    private final Thread computing = Thread.currentThread();
    private final Set<Object> complete =
            Collections.synchronizedSet(Collections.newSetFromMap(new IdentityHashMap<>()));
    private final AtomicInteger completions = new AtomicInteger();
    private final List<String> breaches = Collections.synchronizedList(new ArrayList<>());
    private int scalarReads;

    private WatchedDevice(Device real) {
        this.real = real;
    }

    /** A buffer whose values must not change between a copy's beginning and its end. */
    private final class WatchedBuffer implements UploadBuffer {
        private final MemorySegment memory;
        private byte[] taken = {};

        WatchedBuffer(long numValues) {
            memory = MemorySegment.ofArray(new float[Math.toIntExact(numValues)]);
        }

        @Override
        public MemorySegment values() {
            return memory;
        }

        @Override
        public synchronized void awaitFree() {
            MemorySegment now = memory.asSlice(0, taken.length);
            if (now.mismatch(MemorySegment.ofArray(taken)) != -1) {
                breaches.add("an upload buffer was changed while the device copied it");
            }
            taken = new byte[0];
        }

        private synchronized void take(long bytes) {
            taken = memory.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
        }

        @Override
        public void close() {
            awaitFree();
        }
    }

    static Device of(Device real) {
        return (Device) Proxy.newProxyInstance(
                WatchedDevice.class.getClassLoader(), new Class<?>[] {Device.class}, new WatchedDevice(real));
    }

    static WatchedDevice behind(Device device) {
        return (WatchedDevice) Proxy.getInvocationHandler(device);
    }

    /** How often the host has waited for sums. */
    int scalarReads() {
        return scalarReads;
    }

    /** For how many groups of tensors others have waited. */
    int completions() {
        return completions.get();
    }

    void expectNoBreach() {
        assertEquals(List.of(), breaches);
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        switch (method.getName()) {
            case "uploadBuffer" -> {
                return new WatchedBuffer((long) arguments[0]);
            }
            case "completion" -> {
                Tensor[] tensors = (Tensor[]) arguments[0];
                return (Completion) () -> {
                    completions.incrementAndGet();
                    complete.addAll(List.of(tensors));
                };
            }
            case "read" -> scalarReads += arguments[0] instanceof Scalars ? 1 : 0;
            default -> {
                // Watched where it matters.
            }
        }
        boolean isCopy = method.getName().equals("read") || method.getName().equals("write");
        if (Thread.currentThread() != computing && isCopy && !complete.contains(arguments[0])) {
            breaches.add(Thread.currentThread().getName() + " did not wait before " + method.getName());
        }
        Object result = call(method, arguments);
        if (method.getName().equals("of") && arguments[0] instanceof WatchedBuffer buffer) {
            buffer.take(((Tensor) result).size() * Float.BYTES);
        }
        return result;
    }

    private Object call(Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(real, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
