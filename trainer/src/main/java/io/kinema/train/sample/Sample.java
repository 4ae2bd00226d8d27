package io.kinema.train.sample;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.LaunchScript;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.command.TextFile;
import io.kinema.data.video.Ffmpeg;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.SamplingMethod;
import io.kinema.train.input.CaptionCuts;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.model.WatchedWeights;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import me.tongfei.progressbar.ProgressBar;

/** {@code launch/sample.sh}: videos from a checkpoint. */
public final class Sample {
    private static final double MAX_FRAME_RATE_HZ = 1000;
    private static final int LOCATE_TIMEOUT_SECONDS = 60;
    private static final int MIN_H264_SIDE = 16;

    private final SampleFlags flags;
    private final TrainedWeights trained;
    private final SpacetimeDit model;
    private final Objective diffusion;

    private Sample(SampleFlags flags) throws IOException {
        this.flags = flags;
        trained = TrainedWeights.open(Path.of(flags.checkpoint), flags.weights);
        model = new SpacetimeDit(trained.config().model().toConfig(), Recompute.BLOCKS);
        diffusion =
                Objective.named(trained.config().diffusion(), trained.config().timeShift());
    }

    /**
     * Samples.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws IOException {
        SampleFlags flags = new SampleFlags();
        CommandLine line =
                new CommandLine("launch/sample.sh", "samples videos from a checkpoint of launch/train.sh", flags);
        if (line.parse(args)) {
            new Sample(flags).run();
        }
        return 0;
    }

    private void run() throws IOException {
        List<String> prompts = expanded(prompts());
        CaptionCuts cuts = CaptionCuts.NONE;
        for (String prompt : prompts) {
            cuts = cuts.with(prompt);
        }
        cuts.text("prompts", "were given").ifPresent(cut -> System.err.println("warning: " + cut));
        Patch patch = model.config().tokens().patch();
        int frames = flags.frames == 1 ? 1 : rounded("--frames", flags.frames, patch.frames());
        int height = rounded("--height", flags.height, patch.height());
        int width = rounded("--width", flags.width, patch.width());
        requireAtLeast("--steps", flags.steps, 1);
        requireAtLeast("--enlarge", flags.enlarge, 1);
        if (!(flags.fps > 0 && flags.fps <= MAX_FRAME_RATE_HZ)) {
            throw new ConfigException(
                    "--fps " + flags.fps + " is out of range; give more than 0, and up to 1000 frames a second");
        }
        if (!Double.isFinite(flags.guidance)) {
            throw new ConfigException("--guidance " + flags.guidance + " is out of range; give a number such as 2");
        }
        List<Path> outputs = outputs(prompts.size(), frames);
        if (outputs.getFirst().toString().endsWith(".mp4")
                && Math.min(height, width) < MIN_H264_SIDE
                && flags.enlarge == 1) {
            throw new ConfigException("--output " + flags.output + ": H.264 has no videos of " + width + "x" + height
                    + "; its sides have at least " + MIN_H264_SIDE + " pixels; use --enlarge 256, or .gif");
        }
        DeviceConfig deviceConfig = flags.device.resolve(1);
        requireRoom(new VideoFile.Extent(frames, height, width), prompts.size(), outputs.getFirst(), deviceConfig);
        SamplingMethod method =
                flags.sampler.isEmpty() ? diffusion.samplers().getFirst() : SamplingMethod.parse(flags.sampler);
        List<VideoFile> videos = new ArrayList<>();
        try (Device device = Devices.open(deviceConfig);
                ProgressBar bar = ProgressDisplay.bar(
                        "sampling",
                        "blocks",
                        (long) prompts.size() * flags.steps * model.config().depth())) {
            Parameters weights = new WatchedWeights(trained.load(model.layout(), device), bar::step);
            Sampler sampler = new Sampler(model, diffusion, device, weights);
            for (String prompt : prompts) {
                Sampler.Request request = new Sampler.Request(
                        prompt, frames, height, width, flags.steps, flags.guidance, flags.seed, method);
                videos.add(new VideoFile(
                        sampler.sample(request, step -> bar.setExtraMessage(" step " + step + "/" + flags.steps)),
                        frames,
                        height,
                        width));
            }
        }
        write(videos, prompts, outputs);
        System.out.println(Path.of(flags.output).toAbsolutePath().normalize());
    }

    /** Tries the encoder, and refuses what memory does not hold, before any of the work. */
    private void requireRoom(VideoFile.Extent extent, int numPrompts, Path output, DeviceConfig device)
            throws IOException {
        int numTiles = flags.separate.isEmpty() ? numPrompts : 1;
        VideoFile.Extent written = extent.grid(numTiles).enlarged(flags.enlarge);
        if (written.bytes() > Integer.MAX_VALUE) {
            throw new ConfigException("--frames " + extent.numFrames() + ", --height " + extent.height() + ", --width "
                    + extent.width() + ", " + numPrompts + " prompts and --enlarge " + flags.enlarge
                    + " make a video of "
                    + written.bytes() / (1 << 20) + " MiB, over 2 GiB; lower one of them");
        }
        Ffmpeg.locate(flags.ffmpeg, LOCATE_TIMEOUT_SECONDS)
                .tryOut(output, extent.numFrames(), written.height(), written.width(), flags.fps);
        new SampleMemory(model.config(), device, ForwardMemory.FreeMemory.ofThisProcess())
                .require(new SampleMemory.Work(extent, flags.guidance != 1, numPrompts, written.bytes()));
    }

    /** One file for all prompts, or one for each. */
    private List<Path> outputs(int numPrompts, int frames) throws IOException {
        Path output = Path.of(flags.output);
        if (flags.separate.isEmpty()) {
            VideoFile.requireWritable(output, frames, flags.force);
            return List.of(output);
        }
        if (Files.exists(output) && !flags.force && !(Files.isDirectory(output) && isEmpty(output))) {
            throw new ConfigException("--output " + output + " is there already; with --separate give the name of a new"
                    + " folder, or of an empty one, or --force");
        }
        try {
            Files.createDirectories(output);
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot make the folder --output " + output + ": " + e + "; choose another place", e);
        }
        List<Path> outputs = new ArrayList<>();
        for (int i = 0; i < numPrompts; i++) {
            outputs.add(output.resolve(String.format("prompt-%05d.%s", i, flags.separate)));
            VideoFile.requireWritable(outputs.getLast(), frames, flags.force);
        }
        return outputs;
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isEmpty();
        }
    }

    private void write(List<VideoFile> videos, List<String> prompts, List<Path> outputs) throws IOException {
        if (flags.separate.isEmpty()) {
            VideoFile.grid(videos).enlarged(flags.enlarge).write(flags.ffmpeg, outputs.getFirst(), flags.fps);
            return;
        }
        for (int i = 0; i < videos.size(); i++) {
            Path file = outputs.get(i);
            videos.get(i).enlarged(flags.enlarge).write(flags.ffmpeg, file, flags.fps);
            String name = file.getFileName().toString();
            Files.writeString(
                    file.resolveSibling(name.substring(0, name.lastIndexOf('.')) + ".txt"), prompts.get(i) + "\n");
        }
    }

    /** Prompts in detail, by the model that {@code --expand} names, or as they are. */
    private List<String> expanded(List<String> prompts) throws IOException {
        if (flags.expand.isEmpty()) {
            return prompts;
        }
        Path file = Files.createTempFile("kinema-prompts-", ".txt");
        try {
            Files.write(file, prompts);
            List<String> detailed = new LaunchScript(
                            "recaption.sh", List.of("expand", "--model", flags.expand, "--prompts", file.toString()))
                    .lines();
            if (detailed.size() != prompts.size()) {
                throw new IllegalStateException(detailed.size() + " detailed prompts for " + prompts.size());
            }
            detailed.forEach(prompt -> System.out.println("prompt: " + prompt));
            return detailed;
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private List<String> prompts() throws IOException {
        if (flags.prompt.isBlank() == flags.prompts.isEmpty()) {
            throw new ConfigException("--prompt \"" + flags.prompt + "\" and --prompts \"" + flags.prompts
                    + "\": give one of them, not empty");
        }
        if (!flags.prompt.isBlank()) {
            return List.of(flags.prompt);
        }
        Path file = Path.of(flags.prompts);
        if (!Files.isRegularFile(file)) {
            throw new ConfigException("--prompts " + file + " is not a file; give one with a prompt a line");
        }
        List<String> prompts = TextFile.lines("--prompts", file).stream()
                .filter(line -> !line.isBlank())
                .toList();
        if (prompts.isEmpty()) {
            throw new ConfigException("--prompts " + file + " holds no prompt; write one a line");
        }
        return prompts;
    }

    private static int rounded(String flag, int value, int multiple) {
        requireAtLeast(flag, value, 1);
        int rounded = Math.max(1, Math.round((float) value / multiple)) * multiple;
        if (rounded != value) {
            System.out.println(
                    flag + " " + value + " is not a multiple of the patch's " + multiple + "; using " + rounded);
        }
        return rounded;
    }

    private static void requireAtLeast(String flag, int value, int least) {
        if (value < least) {
            throw new ConfigException(flag + " " + value + " is less than " + least + "; give " + least + " or more");
        }
    }
}
