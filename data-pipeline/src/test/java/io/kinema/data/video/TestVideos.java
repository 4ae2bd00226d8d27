package io.kinema.data.video;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes videos, good and bad, whose upright picture is known: the four quarters of {@link #corners}. */
public final class TestVideos {
    /** Red, green above blue, white: no rotation or flip leaves it as it is. */
    public static final int[][] CORNERS = {{220, 30, 30}, {30, 200, 30}, {30, 30, 220}, {230, 230, 230}};

    private final FfmpegPrograms programs;
    private final Ffmpeg ffmpeg;

    public TestVideos() throws IOException {
        programs = FfmpegPrograms.locate("");
        ffmpeg = Ffmpeg.locate("", 60);
    }

    /** Frames of four coloured quarters. */
    public static byte[] corners(int numFrames, int height, int width) {
        byte[] frames = new byte[3 * numFrames * height * width];
        for (int i = 0; i < frames.length; i++) {
            int column = i / 3 % width;
            int row = i / 3 / width % height;
            frames[i] = (byte) CORNERS[2 * (2 * row / height) + 2 * column / width][i % 3];
        }
        return frames;
    }

    /** Which of the corner colours the quarters of a frame have, top left, top right, bottom left, bottom right. */
    public static List<Integer> quarters(byte[] framesTHWC, int height, int width) {
        List<Integer> nearest = new ArrayList<>();
        for (int[] at : new int[][] {{1, 1}, {1, 3}, {3, 1}, {3, 3}}) {
            int offset = 3 * (at[0] * height / 4 * width + at[1] * width / 4);
            int best = 0;
            for (int c = 1; c < CORNERS.length; c++) {
                if (distance(framesTHWC, offset, c) < distance(framesTHWC, offset, best)) {
                    best = c;
                }
            }
            nearest.add(distance(framesTHWC, offset, best) < 60 ? best : -1);
        }
        return nearest;
    }

    private static int distance(byte[] frames, int offset, int corner) {
        int sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += Math.abs(Byte.toUnsignedInt(frames[offset + c]) - CORNERS[corner][c]);
        }
        return sum;
    }

    public Path good(Path file, int numFrames, int height, int width) throws IOException {
        ffmpeg.encode(file, corners(numFrames, height, width), height, width, 12);
        return file;
    }

    /** Runs ffmpeg with these arguments. */
    public void run(String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(programs.ffmpeg(), "-nostdin", "-y", "-v", "error"));
        command.addAll(Arrays.asList(args));
        try (LimitedProcess child =
                LimitedProcess.start(command, programs.environment(), new LimitedProcess.Limits(60_000, 4 << 20))) {
            child.stdout().transferTo(System.out);
            LimitedProcess.Ending ending = child.await();
            if (!ending.good()) {
                throw new IOException(command + ": " + ending);
            }
        }
    }

    /** Stored lying on its side, with a display matrix that turns it upright. */
    public Path rotated(Path file, int numFrames, int height, int width) throws IOException {
        Path upright = good(file.resolveSibling("upright.mp4"), numFrames, height, width);
        Path sideways = file.resolveSibling("sideways.mp4");
        run("-i", upright.toString(), "-vf", "transpose=cclock", "-c:v", "mpeg4", "-q:v", "2", sideways.toString());
        run("-display_rotation", "-90", "-i", sideways.toString(), "-c", "copy", file.toString());
        Files.delete(upright);
        Files.delete(sideways);
        return file;
    }

    public Path tenBit(Path file, int numFrames, int height, int width) throws IOException {
        Path source = good(file.resolveSibling("eight.mp4"), numFrames, height, width);
        run("-i", source.toString(), "-pix_fmt", "yuv420p10le", "-c:v", "ffv1", file.toString());
        Files.delete(source);
        return file;
    }

    /** Of 24 ticks a second, with frames missing here and there. */
    public Path variableFrameRate(Path file, int numTicks, int height, int width) throws IOException {
        Path source = file.resolveSibling("constant.mp4");
        ffmpeg.encode(source, corners(numTicks, height, width), height, width, 24);
        run(
                "-i",
                source.toString(),
                "-vf",
                "select='not(between(mod(n\\,7)\\,3\\,5))'",
                "-fps_mode",
                "vfr",
                "-c:v",
                "mpeg4",
                "-q:v",
                "2",
                file.toString());
        Files.delete(source);
        return file;
    }

    public Path audioOnly(Path file) throws IOException {
        run("-f", "lavfi", "-i", "sine=frequency=440:duration=1", file.toString());
        return file;
    }

    /** The first part of a good file; an mp4 has its index at the end, so it is useless. */
    public Path truncated(Path file, double part) throws IOException {
        good(file, 24, 72, 128);
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, (int) (bytes.length * part)));
        return file;
    }
}
