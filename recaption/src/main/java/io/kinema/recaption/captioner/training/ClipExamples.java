package io.kinema.recaption.captioner.training;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.recaption.captioner.network.CaptionLengths;
import io.kinema.recaption.captioner.network.Pictures;
import io.kinema.recaption.captioner.network.Words;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ProgressBar;

/**
 * The clips of a data set that have captions. Their frames are shrunk once and kept in a temporary file, which
 * {@link #close} deletes.
 */
final class ClipExamples implements Examples {
    /** Pictures kept for each picture shown: a draw chooses among neighbours in time. */
    private static final int KEPT_PER_SHOWN = 2;

    /** The longest shift of pictures, as a share of their side. */
    private static final double SHIFT = 1 / 16.0;

    private static final double ZOOM = 0.12;
    private static final double CONTRAST = 0.1;
    private static final double BRIGHTNESS = 0.06;

    /** How often the channel of motion is left out, so that the model also finds things that do not move. */
    private static final double MOTION_HIDDEN = 0.125;

    /** Number of draws for a view. */
    private static final int VIEW_DRAWS = 7;

    private final Pictures pictures;
    private final Pictures kept;
    private final Path file;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment frames;
    private final List<String> sources = new ArrayList<>();
    private final List<List<String>> captions = new ArrayList<>();
    private final Words words;
    private final CaptionLengths lengths;

    /**
     * Reads a data set.
     *
     * @param data stays open
     * @param pictures of each clip
     * @param scratch folder for the file of frames, on this machine
     */
    ClipExamples(Dataset data, Pictures pictures, Path scratch) throws IOException {
        this.pictures = pictures;
        this.kept = new Pictures(KEPT_PER_SHOWN * (pictures.numFrames() - 1) + 1, pictures.side());
        this.file = Files.createTempFile(scratch, "frames-", ".tmp");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.READ);
                ProgressBar bar =
                        ProgressDisplay.bar("Reading", "clips", data.clips().size())) {
            for (ClipEntry entry : data.clips()) {
                add(data.read(entry), channel);
                bar.step();
            }
            frames = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
        List<String> all = captions.stream().flatMap(List::stream).toList();
        if (all.isEmpty()) {
            close();
            throw new ConfigException("none of the " + data.clips().size()
                    + " clips has a caption to learn from; give the videos captions (launch/prepare.sh --help"
                    + " says how) and prepare them again");
        }
        this.words = Words.of(all);
        this.lengths = CaptionLengths.of(all);
    }

    private void add(Clip clip, FileChannel channel) throws IOException {
        List<String> texts = clip.captions().stream()
                .filter(caption -> caption.style().equals(Caption.ORIGINAL))
                .map(Caption::text)
                .filter(text -> !Words.split(text).isEmpty())
                .toList();
        if (texts.isEmpty()) {
            return;
        }
        ByteBuffer bytes = ByteBuffer.wrap(kept.of(clip));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        sources.add(clip.sourceUri());
        captions.add(texts);
    }

    Words words() {
        return words;
    }

    /** The most tokens of a caption, with its end. */
    int maxTokens() {
        return Words.maxTokens(captions);
    }

    @Override
    public int count() {
        return sources.size();
    }

    @Override
    public String source(int index) {
        return sources.get(index);
    }

    @Override
    public int inputColumns() {
        return Pictures.CHANNELS;
    }

    @Override
    public void show(int index, double[] draws, float[] out, int offset) {
        byte[] bytes = new byte[kept.numBytes()];
        MemorySegment.copy(frames, ValueLayout.JAVA_BYTE, (long) index * bytes.length, bytes, 0, bytes.length);
        int[] shown = new int[pictures.numFrames()];
        for (int f = 0; f < shown.length; f++) {
            int step = draws.length == 0 ? 0 : (int) (3 * draws[VIEW_DRAWS + f]) - 1;
            shown[f] = Math.clamp(KEPT_PER_SHOWN * f + step, 0, kept.numFrames() - 1);
        }
        pictures.toInput(bytes, shown, draws.length == 0 ? Pictures.View.PLAIN : view(draws), out, offset);
    }

    private Pictures.View view(double[] draws) {
        return new Pictures.View(
                SHIFT * pictures.side() * (2 * draws[0] - 1),
                SHIFT * pictures.side() * (2 * draws[1] - 1),
                1 + ZOOM * (2 * draws[2] - 1),
                1 + ZOOM * (2 * draws[3] - 1),
                1 + CONTRAST * (2 * draws[4] - 1),
                BRIGHTNESS * (2 * draws[5] - 1),
                draws[6] >= MOTION_HIDDEN);
    }

    @Override
    public List<int[]> texts(int index) {
        return captions.get(index).stream()
                .map(caption -> words.tokens(lengths.tokenOf(caption), caption))
                .toList();
    }

    @Override
    public void close() {
        arena.close();
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // The file goes when this process ends.
            file.toFile().deleteOnExit();
        }
    }
}
