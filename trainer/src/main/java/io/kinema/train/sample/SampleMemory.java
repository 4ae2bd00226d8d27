package io.kinema.train.sample;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Refuses a sampling that does not fit into memory, and says with which flags it would. */
final class SampleMemory {
    private final ForwardMemory memory;
    private final ClipTokens tokens;
    private final ForwardMemory.FreeMemory free;

    /**
     * What is asked for.
     *
     * @param extent of one video
     * @param isGuided whether each pass has the clip twice
     * @param numVideos that are held until all are done
     * @param writtenBytes of the pixels of a file, enlarged or side by side
     */
    record Work(VideoFile.Extent extent, boolean isGuided, int numVideos, long writtenBytes) {
        private Work with(VideoFile.Extent other) {
            long ratio = Math.max(1, extent.bytes() / Math.max(1, other.bytes()));
            return new Work(other, isGuided, numVideos, writtenBytes / ratio);
        }

        private Work unguided() {
            return new Work(extent, false, numVideos, writtenBytes);
        }
    }

    SampleMemory(DitConfig config, DeviceConfig device, ForwardMemory.FreeMemory free) {
        this.memory = ForwardMemory.plan(config, device, (model, planning, weights, numTokens) -> {
            Packing packing = Packing.of(List.of(new Grid(1, 1, numTokens)), List.of(new int[CaptionBytes.MAX_BYTES]));
            model.forward(
                    planning, weights, planning.zeros(numTokens, config.tokens().values()), packing, new double[1]);
            planning.zeros(numTokens, config.tokens().values());
        });
        this.tokens = config.tokens();
        this.free = free;
    }

    /**
     * Checks.
     *
     * @throws ConfigException when it does not fit
     */
    void require(Work work) throws IOException {
        String shortage = shortage(work);
        if (shortage.isEmpty()) {
            return;
        }
        Patch patch = tokens.patch();
        List<String> fitting = new ArrayList<>();
        if (work.isGuided && shortage(work.unguided()).isEmpty()) {
            fitting.add("--guidance 1");
        }
        smaller(
                        work,
                        extent -> new VideoFile.Extent(
                                extent.numFrames() / 2 / patch.frames() * patch.frames(),
                                extent.height(),
                                extent.width()))
                .forEach(extent -> fitting.add("--frames " + extent.numFrames()));
        smaller(
                        work,
                        extent -> new VideoFile.Extent(
                                extent.numFrames(),
                                extent.height() / 2 / patch.height() * patch.height(),
                                extent.width() / 2 / patch.width() * patch.width()))
                .forEach(extent -> fitting.add("--width " + extent.width() + " --height " + extent.height()));
        throw new ConfigException(shortage + "; "
                + (fitting.isEmpty()
                        ? "choose fewer --frames, and a smaller --width and --height"
                        : "it fits with " + String.join(", or ", fitting)));
    }

    /** The largest that fits, of those that come from the asked one step after step; none or one. */
    private List<VideoFile.Extent> smaller(Work work, UnaryOperator<VideoFile.Extent> step) {
        VideoFile.Extent extent = step.apply(work.extent);
        while (extent.bytes() > 0) {
            if (shortage(work.with(extent)).isEmpty()) {
                return List.of(extent);
            }
            extent = step.apply(extent);
        }
        return List.of();
    }

    private String shortage(Work work) {
        VideoFile.Extent of = work.extent;
        long copies = work.isGuided ? 2 : 1;
        long ofClip = tokens.grid(of.numFrames(), of.height(), of.width()).tokens();
        // The clip as it is, in the network, out of it, and mixed or fresh noise.
        long values = ofClip * tokens.values() * (2 + 2 * copies);
        long heap = Float.BYTES * values + of.bytes() * work.numVideos + work.writtenBytes;
        return memory.shortage(
                "sampling " + of.width() + "x" + of.height() + " in " + of.numFrames() + " frames",
                ofClip * copies,
                heap,
                free);
    }
}
