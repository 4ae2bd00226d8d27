package io.kinema.train.sample;

import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.metrics.HostMemory;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.MeteredDevice;
import java.io.IOException;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * The memory of forward passes, known before anything is allocated: what the device holds for one token more is learned
 * from two small passes on a device that only plans.
 *
 * @param config of the model
 * @param fixedBytes of weights and what does not grow with tokens
 * @param bytesOfToken of a pass
 */
public record ForwardMemory(DitConfig config, long fixedBytes, double bytesOfToken) {
    /** Tokens of the passes; large enough that buffers of a fixed size are reached by both. */
    private static final int FEW = 1 << 12;

    private static final int MORE = 1 << 13;
    private static final double MEGABYTE = 1e6;

    /** Makes a pass over so many tokens on a device that does not compute. */
    public interface Pass {
        /**
         * Makes it.
         *
         * @param model on this device
         * @param device that plans, in a scope of the pass
         * @param weights without values
         * @param tokens of the pass
         */
        void over(SpacetimeDit model, Device device, Parameters weights, int tokens);
    }

    /** What there is. */
    record FreeMemory(OptionalLong hostBytes, long heapBytes) {
        static FreeMemory ofThisProcess() throws IOException {
            return new FreeMemory(
                    HostMemory.ofThisHost().availableBytes(),
                    Runtime.getRuntime().maxMemory());
        }
    }

    /**
     * Plans.
     *
     * @param config of the model
     * @param device where it will run
     * @param pass of the work
     * @return what is known; nothing of a device that does not plan
     */
    public static ForwardMemory plan(DitConfig config, DeviceConfig device, Pass pass) {
        if (!device.kind().plansMemory()) {
            return new ForwardMemory(config, 0, 0);
        }
        long few = bytes(config, device, pass, FEW);
        long more = bytes(config, device, pass, MORE);
        double slope = (double) (more - few) / (MORE - FEW);
        return new ForwardMemory(config, Math.max(0, Math.round(few - slope * FEW)), slope);
    }

    static long bytes(DitConfig config, DeviceConfig on, Pass pass, int tokens) {
        try (MeteredDevice device = Devices.plan(on)) {
            SpacetimeDit model = new SpacetimeDit(config, Recompute.BLOCKS);
            ParameterSet weights = ParameterSet.weights(device, model.layout());
            try (Device.Scope _ = device.openScope()) {
                pass.over(model, device, weights, tokens);
            }
            return device.footprint().tensorBytes()
                    + device.footprint().packedBytes()
                    + device.footprint().workspacePeakBytes();
        }
    }

    /** Of the device and the tables of positions. */
    long deviceBytes(long tokens) {
        return fixedBytes + Math.round(bytesOfToken * tokens);
    }

    /** Tables of positions on their way to the device: of the residual stream, and sines of a head. */
    long tableBytes(long tokens) {
        return Float.BYTES * tokens * (config.width() + config.width() / config.heads() / 2);
    }

    /**
     * Says what does not fit.
     *
     * @param what is done, such as {@code sampling}
     * @param tokens of the largest pass
     * @param heapBytes of the work's own arrays
     * @return what is needed and what there is; empty where it fits
     */
    String shortage(String what, long tokens, long heapBytes, FreeMemory free) {
        long heap = heapBytes + tableBytes(tokens);
        if (tokens * Math.max(config.tokens().values(), config.width()) > Integer.MAX_VALUE) {
            return what + " would take " + tokens + " tokens through the network at once, more values than an array of"
                    + " Java has";
        }
        if (heap > free.heapBytes) {
            return what + " needs " + text(heap) + " of Java's heap, which may have " + text(free.heapBytes)
                    + " (more by KINEMA_JAVA_OPTS=-Xmx" + Math.ceilDiv(heap * 5 / 4, 1L << 30) + "g)";
        }
        long all = heap + deviceBytes(tokens);
        return all <= free.hostBytes.orElse(Long.MAX_VALUE)
                ? ""
                : what + " needs " + text(all) + ", this host has " + text(free.hostBytes.getAsLong()) + " available";
    }

    /**
     * Refuses what does not fit.
     *
     * @param what is done, such as {@code evaluating}
     * @param tokens of the largest pass
     * @param heapBytes of the work's own arrays
     * @param advice what to do, flags
     * @throws ConfigException when it does not fit
     * @throws IOException when the system does not say what there is
     */
    public void require(String what, long tokens, long heapBytes, String advice) throws IOException {
        String shortage = shortage(what, tokens, heapBytes, FreeMemory.ofThisProcess());
        if (!shortage.isEmpty()) {
            throw new ConfigException(shortage + "; " + advice);
        }
    }

    private static String text(long bytes) {
        return String.format(Locale.ROOT, "%,.1f MB", bytes / MEGABYTE);
    }
}
