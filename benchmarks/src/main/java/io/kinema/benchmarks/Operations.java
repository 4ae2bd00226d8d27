package io.kinema.benchmarks;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A device's operations at the sizes of a model of width 768, forward and backward, each to be timed by itself. */
final class Operations {
    private static final int D = 768;
    private static final int K = 64;
    private static final int N = D / K;
    private static final int INNER = 4 * D;
    private static final int PRODUCT_ROWS = 2048;

    /** Rows of what is bound by memory: its tensors exceed most caches. */
    private static final int ROWS = 8192;

    private static final int CLIP_TOKENS = 256;
    private static final int VECTOR = 1 << 24;

    private final Device device;
    private final DType working;
    private final Tensor weightOI;
    private final Tensor biasO;
    private final Map<String, Supplier<Operation>> all = new LinkedHashMap<>();

    /**
     * Weights are allocated here, outside any scope, where a device may keep a copy of them in the order that it
     * multiplies in.
     */
    Operations(Device device) {
        this.device = device;
        this.working = device.workingType();
        weightOI = random(working, INNER, D);
        biasO = random(working, INNER);
        all.put("linear", this::linear);
        all.put("linearGelu", this::linearGelu);
        all.put("linearBackwardInput", this::linearBackwardInput);
        all.put("linearBackwardParameters", this::linearBackwardParameters);
        all.put("attention256", () -> attention(clips(PRODUCT_ROWS)));
        all.put("attention256Backward", () -> attentionBackward(clips(PRODUCT_ROWS)));
        all.put("attention2048", () -> attention(Segments.ofLengths(PRODUCT_ROWS)));
        all.put("attention2048Backward", () -> attentionBackward(Segments.ofLengths(PRODUCT_ROWS)));
        all.put("heads", this::heads);
        all.put("headsBackward", this::headsBackward);
        all.put("modulatedLayerNorm", this::modulatedLayerNorm);
        all.put("modulatedLayerNormBackward", this::modulatedLayerNormBackward);
        all.put("rmsNorm", this::rmsNorm);
        all.put("rmsNormBackward", this::rmsNormBackward);
        all.put("gelu", this::gelu);
        all.put("geluBackward", this::geluBackward);
        all.put("gatedResidual", this::gatedResidual);
        all.put("gatedResidualBackward", this::gatedResidualBackward);
        all.put("adamw", this::adamw);
        all.put("ema", this::ema);
        all.put("copy", this::copy);
    }

    List<String> names() {
        return List.copyOf(all.keySet());
    }

    /** Allocates the operands in the innermost scope. */
    Operation get(String name) {
        Supplier<Operation> maker = all.get(name);
        if (maker == null) {
            throw new ConfigException("--operations " + name + " is not known; use some of " + all.keySet());
        }
        return maker.get();
    }

    private Tensor random(DType type, int... shape) {
        return RandomTensor.of(device, type, shape);
    }

    private static Segments clips(int rows) {
        return Segments.ofLengths(Collections.nCopies(rows / CLIP_TOKENS, CLIP_TOKENS).stream()
                .mapToInt(Integer::intValue)
                .toArray());
    }

    private Operation product(Supplier<List<Tensor>> body) {
        String size = "[" + PRODUCT_ROWS + ", " + D + "] x [" + D + ", " + INNER + "]";
        return Operation.product(device, size, 2.0 * PRODUCT_ROWS * D * INNER, body);
    }

    private Operation linear() {
        Tensor x = random(working, PRODUCT_ROWS, D);
        return product(() -> List.of(device.linear(x, weightOI, biasO)));
    }

    private Operation linearGelu() {
        Tensor x = random(working, PRODUCT_ROWS, D);
        return product(() -> List.of(device.linearGelu(x, weightOI, biasO).outRO()));
    }

    private Operation linearBackwardInput() {
        Tensor dy = random(working, PRODUCT_ROWS, INNER);
        return product(() -> List.of(device.linearBackwardInput(dy, weightOI)));
    }

    private Operation linearBackwardParameters() {
        Tensor dy = random(working, PRODUCT_ROWS, INNER);
        Tensor x = random(working, PRODUCT_ROWS, D);
        Tensor dWeight = device.zeros(INNER, D);
        Tensor dBias = device.zeros(INNER);
        return product(() -> {
            device.linearBackwardParameters(dy, x, dWeight, dBias);
            return List.of();
        });
    }

    private Qkv qkv() {
        return new Qkv(
                random(working, PRODUCT_ROWS, N, K),
                random(working, PRODUCT_ROWS, N, K),
                random(working, PRODUCT_ROWS, N, K));
    }

    /**
     * Forward makes two products, backward four, of each query with each key; that backward makes one of forward's
     * again is left out.
     */
    private Operation attention(Segments segments, int products, Supplier<List<Tensor>> body) {
        double pairs = 0;
        for (int s = 0; s < segments.count(); s++) {
            pairs += (double) segments.length(s) * segments.length(s);
        }
        String size = segments.count() + " x " + segments.length(0) + " tokens, " + N + " heads of " + K;
        return Operation.product(device, size, 2.0 * products * pairs * D, body);
    }

    private Operation attention(Segments segments) {
        Qkv qkv = qkv();
        return attention(
                segments,
                2,
                () -> List.of(device.attention(qkv.qLNK(), qkv.kLNK(), qkv.vLNK(), segments, segments)
                        .outLNK()));
    }

    private Operation attentionBackward(Segments segments) {
        Qkv qkv = qkv();
        Tensor dOut = random(working, PRODUCT_ROWS, N, K);
        Attention forward = device.attention(qkv.qLNK(), qkv.kLNK(), qkv.vLNK(), segments, segments);
        return attention(segments, 4, () -> {
            AttentionGrad grad = device.attentionBackward(dOut, qkv, forward, segments, segments);
            return List.of(grad.dqLNK(), grad.dkLNK(), grad.dvLNK());
        });
    }

    private Operation stream(int columns, List<Tensor> touched, Supplier<List<Tensor>> body) {
        return Operation.stream(device, "[" + ROWS + ", " + columns + "]", touched, body);
    }

    private HeadRotation rotation() {
        DType fp32 = device.dtype();
        return new HeadRotation(
                random(working, K), random(working, K), random(fp32, ROWS, K / 2), random(fp32, ROWS, K / 2));
    }

    private Operation heads() {
        Tensor qkv = random(working, ROWS, 3 * D);
        HeadRotation by = rotation();
        return stream(3 * D, List.of(qkv, by.cosLP(), by.sinLP()), () -> {
            Qkv heads = device.heads(qkv, by);
            return List.of(heads.qLNK(), heads.kLNK(), heads.vLNK());
        });
    }

    private Operation headsBackward() {
        Tensor qkv = random(working, ROWS, 3 * D);
        HeadRotation by = rotation();
        AttentionGrad grad = new AttentionGrad(
                random(working, ROWS, N, K), random(working, ROWS, N, K), random(working, ROWS, N, K));
        Tensor dQueryNorm = device.zeros(K);
        Tensor dKeyNorm = device.zeros(K);
        return stream(
                3 * D,
                List.of(qkv, grad.dqLNK(), grad.dkLNK(), grad.dvLNK(), by.cosLP(), by.sinLP()),
                () -> List.of(device.headsBackward(grad, qkv, by, dQueryNorm, dKeyNorm)));
    }

    private Operation modulatedLayerNorm() {
        Segments clips = clips(ROWS);
        Tensor x = random(device.dtype(), ROWS, D);
        Tensor shift = random(working, clips.count(), D);
        Tensor scale = random(working, clips.count(), D);
        return stream(D, List.of(x), () -> List.of(device.modulatedLayerNorm(x, shift, scale, clips)));
    }

    private Operation modulatedLayerNormBackward() {
        Segments clips = clips(ROWS);
        Tensor dy = random(working, ROWS, D);
        Tensor x = random(device.dtype(), ROWS, D);
        Tensor scale = random(working, clips.count(), D);
        Tensor dShift = device.zeros(clips.count(), D);
        Tensor dScale = device.zeros(clips.count(), D);
        return stream(
                D,
                List.of(dy, x),
                () -> List.of(device.modulatedLayerNormBackward(dy, x, scale, clips, dShift, dScale)));
    }

    private Operation rmsNorm() {
        Tensor x = random(device.dtype(), ROWS, D);
        Tensor weight = random(working, D);
        return stream(D, List.of(x), () -> List.of(device.rmsNorm(x, weight)));
    }

    private Operation rmsNormBackward() {
        Tensor dy = random(working, ROWS, D);
        Tensor x = random(device.dtype(), ROWS, D);
        Tensor weight = random(working, D);
        Tensor dWeight = device.zeros(D);
        return stream(D, List.of(dy, x), () -> List.of(device.rmsNormBackward(dy, x, weight, dWeight)));
    }

    private Operation gelu() {
        Tensor x = random(working, ROWS, INNER);
        return stream(INNER, List.of(x), () -> List.of(device.gelu(x)));
    }

    private Operation geluBackward() {
        Tensor dy = random(working, ROWS, INNER);
        Tensor x = random(working, ROWS, INNER);
        return stream(INNER, List.of(dy, x), () -> List.of(device.geluBackward(dy, x)));
    }

    private Operation gatedResidual() {
        Segments clips = clips(ROWS);
        Tensor x = random(device.dtype(), ROWS, D);
        Tensor y = random(working, ROWS, D);
        Tensor gate = random(working, clips.count(), D);
        return stream(D, List.of(x, y), () -> List.of(device.gatedResidual(x, y, gate, clips)));
    }

    private Operation gatedResidualBackward() {
        Segments clips = clips(ROWS);
        Tensor dOut = random(device.dtype(), ROWS, D);
        Tensor y = random(working, ROWS, D);
        Tensor gate = random(working, clips.count(), D);
        Tensor dGate = device.zeros(clips.count(), D);
        return stream(D, List.of(dOut, y), () -> List.of(device.gatedResidualBackward(dOut, y, gate, clips, dGate)));
    }

    private Operation vector(List<Tensor> touched, Runnable body) {
        return Operation.stream(device, VECTOR + " elements", touched, () -> {
            body.run();
            return List.of();
        });
    }

    private Operation adamw() {
        DType fp32 = device.dtype();
        Tensor param = random(fp32, VECTOR);
        Tensor grad = random(fp32, VECTOR);
        Tensor first = device.zeros(VECTOR);
        Tensor second = device.zeros(VECTOR);
        Tensor copy = working == fp32 ? param : device.zeros(working, VECTOR);
        List<Stretch> stretches = List.of(new Stretch(0, VECTOR, ParameterAttributes.DECAYED));
        AdamWStep step = new AdamWStep(1e-4, 0.9, 0.95, 1e-8, 0.01, 1, 0.5, stretches);
        List<Tensor> touched = new ArrayList<>(List.of(param, param, grad, first, first, second, second));
        if (copy != param) {
            touched.add(copy);
        }
        return vector(touched, () -> device.adamw(param, grad, first, second, copy, step));
    }

    private Operation ema() {
        Tensor average = random(device.dtype(), VECTOR);
        Tensor param = random(device.dtype(), VECTOR);
        return vector(List.of(average, average, param), () -> device.ema(average, param, 0.999));
    }

    private Operation copy() {
        Tensor into = device.zeros(VECTOR);
        Tensor from = random(device.dtype(), VECTOR);
        return vector(List.of(into, from), () -> device.copy(into, from));
    }
}
