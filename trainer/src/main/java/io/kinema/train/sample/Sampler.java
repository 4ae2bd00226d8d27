package io.kinema.train.sample;

import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox;
import io.kinema.train.diffusion.NoisePrediction;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.diffusion.SamplingMethod;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/** Turns noise into clips, guided by a caption; docs/numerics.md, "Sampling". The same request gives the same bytes. */
public final class Sampler {
    private final SpacetimeDit model;
    private final Objective diffusion;
    private final Device device;
    private final Parameters weights;

    /**
     * What to sample.
     *
     * @param prompt what the clip shows
     * @param numFrames T, 1 or a multiple of the patch
     * @param height H, a multiple of the patch
     * @param width W, a multiple of the patch
     * @param steps evaluations of the network
     * @param guidance scale; 1 is none
     * @param seed of the noise
     * @param method how to walk
     */
    public record Request(
            String prompt,
            int numFrames,
            int height,
            int width,
            int steps,
            double guidance,
            long seed,
            SamplingMethod method) {}

    /**
     * Binds a trained model.
     *
     * @param model the network
     * @param diffusion what it learned to predict
     * @param device fp32
     * @param weights its parameters, the averaged ones for best results
     */
    public Sampler(SpacetimeDit model, Objective diffusion, Device device, Parameters weights) {
        if (device.dtype() != DType.FP32) {
            throw new IllegalArgumentException("sampling needs fp32, the device has " + device.dtype());
        }
        this.model = model;
        this.diffusion = diffusion;
        this.device = device;
        this.weights = weights;
    }

    /**
     * Samples one clip.
     *
     * @param request what to sample
     * @param stepDone told the number of each step when it is done, from 1
     * @return uint8 pixels [T, H, W, C]
     * @throws ConfigException when the method does not go with what the model predicts, or the size with its patches
     */
    public byte[] sample(Request request, IntConsumer stepDone) {
        requireMethod(request.method);
        ClipTokens tokens = model.config().tokens();
        Grid grid = tokens.grid(request.numFrames, request.height, request.width);
        float[] xLP = new float[Math.multiplyExact(grid.tokens(), tokens.values())];
        new Philox(request.seed).normals(Philox.Purpose.SAMPLE_START, 0, 0, xLP, 0, xLP.length);
        Network network = new Network(grid, request);
        switch (diffusion) {
            case RectifiedFlow flow -> euler(flow, network, xLP, request.steps, stepDone);
            case NoisePrediction process -> denoise(process, network, xLP, request, stepDone);
        }
        return tokens.toClip(xLP, request.numFrames, grid);
    }

    private void requireMethod(SamplingMethod method) {
        List<SamplingMethod> samplers = diffusion.samplers();
        if (!samplers.contains(method)) {
            throw new ConfigException("--sampler " + method.flag() + " does not go with a model that predicts "
                    + diffusion.prediction().text() + "; use "
                    + samplers.stream().map(SamplingMethod::flag).collect(Collectors.joining(" or ")));
        }
    }

    private static void euler(RectifiedFlow flow, Network network, float[] xLP, int steps, IntConsumer stepDone) {
        for (int k = 0; k < steps; k++) {
            double t = flow.shifted(1 - (double) k / steps);
            double next = flow.shifted(1 - (k + 1.0) / steps);
            float[] velocityLP = network.predict(xLP, flow.at(t).tau());
            for (int i = 0; i < xLP.length; i++) {
                xLP[i] = (float) (xLP[i] - (t - next) * velocityLP[i]);
            }
            stepDone.accept(k + 1);
        }
    }

    private void denoise(NoisePrediction process, Network network, float[] xLP, Request request, IntConsumer stepDone) {
        int last = NoisePrediction.TIMES - 1;
        Philox philox = new Philox(request.seed);
        float[] freshLP = new float[xLP.length];
        for (int k = 0; k < request.steps; k++) {
            int t = last - (int) ((long) k * NoisePrediction.TIMES / request.steps);
            int next = last - (int) ((k + 1L) * NoisePrediction.TIMES / request.steps);
            double bar = process.alphaBar(t);
            double nextBar = next < 0 ? 1 : process.alphaBar(next);
            float[] noiseLP = network.predict(xLP, t);
            boolean ancestral = request.method == SamplingMethod.DDPM;
            if (ancestral) {
                philox.normals(Philox.Purpose.SAMPLE_STEP, k, 0, freshLP, 0, freshLP.length);
            }
            double beta = 1 - bar / nextBar;
            double deviation = ancestral ? Math.sqrt((1 - nextBar) / (1 - bar) * beta) : 0;
            for (int i = 0; i < xLP.length; i++) {
                double clean = (xLP[i] - Math.sqrt(1 - bar) * noiseLP[i]) / Math.sqrt(bar);
                clean = Math.clamp(clean, -1, 1);
                double noise = (xLP[i] - Math.sqrt(bar) * clean) / Math.sqrt(1 - bar);
                double towards = Math.sqrt(Math.max(0, 1 - nextBar - deviation * deviation));
                xLP[i] = (float) (Math.sqrt(nextBar) * clean + towards * noise + deviation * freshLP[i]);
            }
            stepDone.accept(k + 1);
        }
    }

    /** The guided network on one clip: both its halves go through in one pass, packed. */
    private final class Network {
        private final boolean guided;
        private final double guidance;
        private final Packing packing;
        private final int tokens;

        Network(Grid grid, Request request) {
            guidance = request.guidance;
            guided = guidance != 1;
            tokens = grid.tokens();
            List<Grid> grids = new ArrayList<>(List.of(grid));
            List<int[]> captions = new ArrayList<>(List.of(CaptionBytes.of(request.prompt)));
            if (guided) {
                grids.add(grid);
                captions.add(CaptionBytes.none());
            }
            packing = Packing.of(grids, captions);
        }

        float[] predict(float[] xLP, double tau) {
            int copies = guided ? 2 : 1;
            float[] packed = new float[Math.multiplyExact(copies, xLP.length)];
            double[] timeS = new double[copies];
            for (int copy = 0; copy < copies; copy++) {
                System.arraycopy(xLP, 0, packed, copy * xLP.length, xLP.length);
                timeS[copy] = tau;
            }
            float[] output = new float[packed.length];
            try (Device.Scope _ = device.openScope()) {
                Tensor x = device.of(packed, Math.multiplyExact(copies, tokens), xLP.length / tokens);
                SpacetimeDit.Forward forward = model.forward(device, weights, x, packing, timeS);
                Tensor outputLP = device.zeros(x.shape());
                device.copy(outputLP, forward.outputLP());
                device.read(outputLP, 0, MemorySegment.ofArray(output));
            }
            if (!guided) {
                return output;
            }
            float[] mixed = new float[xLP.length];
            for (int i = 0; i < mixed.length; i++) {
                double unconditional = output[xLP.length + i];
                mixed[i] = (float) (unconditional + guidance * (output[i] - unconditional));
            }
            return mixed;
        }
    }
}
