package io.kinema.data;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.FramePicture;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;

/** A picture of some clips of a data set: two clips beside each other, each with frames from its first to its last. */
final class ContactSheet {
    private static final int MAX_CLIPS = 24;
    private static final int CLIPS_PER_ROW = 2;
    private static final int FRAMES_PER_CLIP = 4;
    private static final int CELL = 160;
    private static final int GAP = 6;

    private ContactSheet() {}

    /** Draws clips that are spread evenly over the data set; returns their number. */
    static int write(Dataset data, Path file) throws IOException {
        List<ClipEntry> entries = data.clips();
        int numClips = Math.min(MAX_CLIPS, entries.size());
        int columns = Math.min(CLIPS_PER_ROW, numClips) * FRAMES_PER_CLIP;
        int rows = Math.ceilDiv(numClips, CLIPS_PER_ROW);
        BufferedImage sheet =
                new BufferedImage(columns * (CELL + GAP) + GAP, rows * (CELL + GAP) + GAP, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = sheet.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
        graphics.setPaint(Color.DARK_GRAY);
        graphics.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
        for (int i = 0; i < numClips; i++) {
            Clip clip = data.read(entries.get((int) ((long) i * entries.size() / numClips)));
            int left = i % CLIPS_PER_ROW * FRAMES_PER_CLIP * (CELL + GAP) + GAP;
            int top = i / CLIPS_PER_ROW * (CELL + GAP) + GAP;
            int[] frameIndices = FramePicture.firstToLast(clip.numFrames(), FRAMES_PER_CLIP);
            for (int f = 0; f < frameIndices.length; f++) {
                draw(graphics, FramePicture.of(clip, frameIndices[f]), left + f * (CELL + GAP), top);
            }
        }
        graphics.dispose();
        File target = file.toAbsolutePath().toFile();
        if (!target.getParentFile().isDirectory() || !target.getName().endsWith(".png")) {
            throw new ConfigException(
                    "cannot write --contact-sheet " + file + "; give the name of a .png in a folder that is there");
        }
        ImageIO.write(sheet, "png", target);
        return numClips;
    }

    /** Draws a frame as large as its cell allows, in its own aspect ratio. */
    private static void draw(Graphics2D graphics, BufferedImage frame, int left, int top) {
        double scale = (double) CELL / Math.max(frame.getWidth(), frame.getHeight());
        int width = (int) Math.round(frame.getWidth() * scale);
        int height = (int) Math.round(frame.getHeight() * scale);
        graphics.drawImage(frame, left + (CELL - width) / 2, top + (CELL - height) / 2, width, height, null);
    }
}
