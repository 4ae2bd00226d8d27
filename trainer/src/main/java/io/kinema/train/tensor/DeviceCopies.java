package io.kinema.train.tensor;

import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Supplier;

/**
 * What devices have made for themselves of an object in host memory: a copy in their own memory, or tables derived from
 * the object. A device makes its copy when an operation first takes the object, and finds it again until the object is
 * gone. For any thread.
 *
 * <p>A device whose copies hold memory outside the Java heap frees them when the object is collected, and all of them
 * when the device is closed.
 */
public final class DeviceCopies {
    private final Map<Object, Object> copyOfDevice = new WeakHashMap<>(1);

    /** Begins without any. */
    DeviceCopies() {}

    /**
     * Finds a device's copy, or makes the copy.
     *
     * @param device the key: one object for each device, the same in all its operations
     * @param type of the copy; a device has one for an object
     * @param make called at the first time; what it returns should not refer to the key
     * @param <T> type of the copy
     * @return the copy
     */
    public synchronized <T> T of(Object device, Class<T> type, Supplier<T> make) {
        Object found = copyOfDevice.get(device);
        if (found == null) {
            found = make.get();
            copyOfDevice.put(device, found);
        }
        return type.cast(found);
    }
}
