package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.data.clip.Patch;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Host;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The count from shapes against a count of the products that the model asks a device for. */
class FlopsTest {
    private static final DitConfig CONFIG = new DitConfig(3, 24, 2, 2, 12, 3, new Patch(2, 4, 2));
    private static final Packing PACKING = Packing.of(
            List.of(new Grid(2, 3, 4), new Grid(1, 1, 1), new Grid(1, 5, 2)),
            List.of(CaptionBytes.of("a red circle"), CaptionBytes.none(), CaptionBytes.of("blue")));

    /** Passes everything on, default methods taken apart, and counts products. */
    private static final class Counting implements InvocationHandler {
        private final Device device;
        private double flops;

        Counting(Device device) {
            this.device = device;
        }

        @Override
        public Object invoke(Object proxy, Method method, Object[] args) throws Throwable {
            switch (method.getName()) {
                case "linear" -> flops += 2.0 * ((Tensor) args[0]).dim(0) * ((Tensor) args[1]).size();
                case "linearBackwardInput" -> flops += 2.0 * ((Tensor) args[0]).dim(0) * ((Tensor) args[1]).size();
                case "linearBackwardParameters" -> flops += 2.0 * ((Tensor) args[0]).dim(0) * ((Tensor) args[2]).size();
                case "attention" -> flops += 4 * pairs((Segments) args[3], (Segments) args[4], (Tensor) args[0]);
                case "attentionBackward" ->
                    flops += 8 * pairs((Segments) args[3], (Segments) args[4], ((Qkv) args[1]).qLNK());
                default -> {}
            }
            try {
                return method.isDefault()
                        ? InvocationHandler.invokeDefault(proxy, method, args)
                        : method.invoke(device, args);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }

        private static double pairs(Segments queries, Segments keys, Tensor qLNK) {
            double pairs = 0;
            for (int s = 0; s < queries.count(); s++) {
                pairs += (double) queries.length(s) * keys.length(s);
            }
            return pairs * qLNK.dim(1) * qLNK.dim(2);
        }
    }

    private static double counted(Recompute recompute) {
        try (Device nd4j = Nd4jDevice.open(DType.FP32)) {
            Counting counting = new Counting(nd4j);
            Device device = (Device)
                    Proxy.newProxyInstance(FlopsTest.class.getClassLoader(), new Class<?>[] {Device.class}, counting);
            SpacetimeDit model = new SpacetimeDit(CONFIG, recompute);
            ParameterSet weights = ParameterSet.weights(device, model.layout());
            Gradients to = new Gradients(weights, ParameterSet.gradients(device, model.layout()));
            int values = CONFIG.tokens().values();
            Tensor x = device.zeros(PACKING.tokens().total(), values);
            SpacetimeDit.Forward forward = model.forward(device, weights, x, PACKING, new double[] {1, 2, 3});
            SquaredError error = device.squaredError(
                    forward.outputLP(), x, Host.ones(device, PACKING.tokens().total()), PACKING.tokens(), 1);
            model.backward(device, to, error.dPrediction(), forward.saved());
            return counting.flops;
        }
    }

    @Test
    void shouldCountEveryProductThatTheModelAsksFor() {
        assertEquals(counted(Recompute.NONE), Flops.training(CONFIG, PACKING));
    }

    @Test
    void shouldNotCountWhatIsComputedAgain() {
        double again = counted(Recompute.BLOCKS) - Flops.training(CONFIG, PACKING);
        int tokens = PACKING.tokens().total();
        int captionBytes = PACKING.captions().total();
        double attention = 0;
        for (int s = 0; s < PACKING.tokens().count(); s++) {
            double length = PACKING.tokens().length(s);
            attention += length * (length + PACKING.captions().length(s));
        }
        double width = CONFIG.width();
        double perBlock = 14.0 * tokens * width * width
                + 6.0 * PACKING.tokens().count() * width * width
                + 2.0 * captionBytes * width * CONFIG.captionWidth()
                + 2 * width * attention;
        assertEquals(2 * CONFIG.depth() * perBlock, again);
    }
}
