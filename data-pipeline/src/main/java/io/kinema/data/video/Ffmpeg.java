package io.kinema.data.video;

import io.kinema.data.command.ConfigException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Decodes and encodes video with the programs {@code ffmpeg} and {@code ffprobe}. Each call is a child process with a
 * time limit and 4 GiB of address space, and with access to files only. Several threads may use it at once.
 */
public final class Ffmpeg {
    /** Decoding a frame of 8K video in 10 bits takes about 1 GiB; libraries and stacks are mapped besides. */
    private static final long MEMORY_KIB = 4 << 20;

    /** Containers that hold pictures or sound themselves. Playlists are left out: they name other files. */
    private static final String CONTAINERS =
            "mov,matroska,webm,avi,gif,apng,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,"
                    + "ivf,flv,asf,ogg,mjpeg,yuv4mpegpipe,image2,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,"
                    + "wav,mp3,aac,flac,aiff";

    /** Frames of a trial; the first is a key frame, the others are not. */
    private static final int TRIED = 4;

    private static final List<String> CONFINED =
            List.of("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS);

    private static final String SCALE =
            "scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int+bitexact," + "setsar=1,format=rgb24";

    private final FfmpegPrograms programs;
    private final LimitedProcess.Limits limits;

    private Ffmpeg(FfmpegPrograms programs, LimitedProcess.Limits limits) {
        this.programs = programs;
        this.limits = limits;
    }

    /**
     * Finds the programs: the given programs, else the bundled ones, else those on the PATH. Each is tried out.
     *
     * @param program path of an {@code ffmpeg} program with {@code ffprobe} beside it or on the PATH; empty to look for
     *     one
     * @param timeoutSeconds the longest time of one child process
     * @return the programs, ready to use
     * @throws ConfigException if no program runs; the message has the reason for each
     * @throws IOException if the bundled programs cannot be unpacked
     */
    public static Ffmpeg locate(String program, int timeoutSeconds) throws IOException {
        return locate(program, new LimitedProcess.Limits(timeoutSeconds * 1000L, MEMORY_KIB));
    }

    static Ffmpeg locate(String program, LimitedProcess.Limits limits) throws IOException {
        return new Ffmpeg(FfmpegPrograms.locate(program), limits);
    }

    /**
     * Describes the programs.
     *
     * @return version and origin in words
     */
    public String description() {
        return "ffmpeg " + programs.version() + " (" + programs.origin() + ")";
    }

    /**
     * Returns the version of the programs.
     *
     * @return the version in ffmpeg's words, such as {@code 6.1.1}
     */
    public String version() {
        return programs.version();
    }

    /**
     * Probes a source. Only its first frame is decoded.
     *
     * @param source a local file
     * @return size as shown, frame rate and kind
     * @throws UnusableSourceException if it is not a video or image that can be decoded
     * @throws IOException if the program cannot be run
     */
    public SourceProbe probe(Path source) throws IOException {
        List<String> command = new ArrayList<>(List.of(programs.ffprobe(), "-v", "error"));
        command.addAll(CONFINED);
        // V leaves out the cover pictures of sound files.
        command.addAll(List.of("-select_streams", "V:0", "-show_format", "-show_streams", "-show_frames"));
        command.addAll(List.of("-read_intervals", "%+#1", "-print_format", "json", url(source)));
        try (LimitedProcess child = LimitedProcess.start(command, programs.environment(), limits)) {
            ByteArrayOutputStream json = new ByteArrayOutputStream();
            child.stdout().transferTo(json);
            LimitedProcess.Ending ending = child.await();
            if (!ending.good()) {
                throw new UnusableSourceException("probe", reason("not a video or image that can be read", ending));
            }
            return SourceProbe.fromJson(json.toString(StandardCharsets.UTF_8), ending);
        }
    }

    /**
     * Decodes a source into frames of one size and rate, turned upright. Any error in the stream ends the decoding: no
     * damaged frame is returned.
     *
     * @param source a local file
     * @param frameRate frames a second, as a number or fraction; empty to take the first frame alone
     * @param height H, rows of each frame
     * @param width W, columns of each frame
     * @return the frames; the caller closes it
     * @throws IOException if the program cannot be run
     */
    public FrameStream decode(Path source, String frameRate, int height, int width) throws IOException {
        // One thread: tasks run in parallel, and results never depend on the number of cores.
        List<String> command = command("-xerror", "-threads", "1", "-filter_threads", "1");
        command.addAll(CONFINED);
        command.addAll(List.of("-i", url(source), "-map", "0:V:0"));
        String scale = SCALE.formatted(width, height);
        if (frameRate.isEmpty()) {
            command.addAll(List.of("-frames:v", "1", "-vf", scale));
        } else {
            command.addAll(List.of("-vf", "fps=" + frameRate + "," + scale));
        }
        command.addAll(List.of("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"));
        LimitedProcess child = LimitedProcess.start(command, programs.environment(), limits);
        return new FrameStream(child, Math.multiplyExact(3 * height, width), limits.timeoutMs());
    }

    /**
     * Writes frames to a video or image file; codec and container follow from the extension: {@code .mp4} (H.264),
     * {@code .webm} (VP9), {@code .mov} (MPEG-4), {@code .gif}, {@code .png}. The file appears when it is complete. The
     * same frames give the same bytes.
     *
     * @param file the file; an older file is replaced
     * @param framesTHWC uint8 RGB of all frames; one frame for {@code .png}
     * @param height H, rows of a frame; even for {@code .mp4}, {@code .mov} and {@code .webm}
     * @param width W, columns of a frame; even as above
     * @param frameRateHz frames a second
     * @throws ConfigException if the extension or the size does not suit, or ffmpeg has no encoder for it
     * @throws IOException if encoding fails
     */
    public void encode(Path file, byte[] framesTHWC, int height, int width, double frameRateHz) throws IOException {
        Encoding encoding = Encoding.of(file);
        if (height % encoding.sideMultiple() != 0 || width % encoding.sideMultiple() != 0) {
            throw new ConfigException("cannot write " + file + ": its height " + height + " and width " + width
                    + " must be multiples of " + encoding.sideMultiple() + "; choose others, or write .gif");
        }
        IOException failure = null;
        for (String encoder : programs.encoders(encoding.encoders())) {
            for (List<String> quality : Encoding.qualities(encoder, (double) height * width * frameRateHz)) {
                List<String> options = new ArrayList<>(List.of("-c:v", encoder, "-threads", "1"));
                options.addAll(quality);
                try {
                    encode(file, framesTHWC, width + "x" + height, frameRateHz, encoding, options);
                    return;
                } catch (EncodingException e) {
                    failure = failure == null ? e : failure;
                }
            }
        }
        throw failure;
    }

    /** An encoder could not take the frames; another may. */
    private static final class EncodingException extends IOException {
        EncodingException(String message) {
            super(message);
        }
    }

    /**
     * Tries an encoder on noise, which is the hardest to encode, before there are frames.
     *
     * @param file as in {@link #encode}; not written
     * @param numFrames of the video
     * @param height as there
     * @param width as there
     * @param frameRateHz as there
     * @throws ConfigException as there
     * @throws IOException as there
     */
    public void tryOut(Path file, int numFrames, int height, int width, double frameRateHz) throws IOException {
        String name = file.getFileName().toString();
        Path trial = Files.createTempFile("kinema-trial-", name.substring(name.lastIndexOf('.')));
        try {
            byte[] noise =
                    new byte[Math.multiplyExact(Math.multiplyExact(3 * Math.min(numFrames, TRIED), height), width)];
            new Random(0).nextBytes(noise);
            encode(trial, noise, height, width, frameRateHz);
        } finally {
            Files.deleteIfExists(trial);
        }
    }

    private void encode(
            Path file, byte[] framesTHWC, String size, double frameRateHz, Encoding encoding, List<String> options)
            throws IOException {
        Path unfinished = file.resolveSibling("." + file.getFileName() + ".tmp");
        List<String> command = command("-y", "-f", "rawvideo", "-pix_fmt", "rgb24");
        command.addAll(List.of("-s", size, "-r", Double.toString(frameRateHz), "-i", "pipe:0"));
        command.addAll(List.of("-vf", encoding.filter()));
        command.addAll(options);
        command.addAll(encoding.options());
        command.addAll(List.of("-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", encoding.muxer()));
        command.add(url(unfinished));
        try (LimitedProcess child = LimitedProcess.start(command, programs.environment(), limits)) {
            feed(child, framesTHWC);
            LimitedProcess.Ending ending = child.await();
            if (!ending.good()) {
                throw new EncodingException("cannot write " + file + ": " + reason("encoding failed", ending));
            }
            Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Writes all frames, or as many as the encoder accepts: its exit tells why it stopped. */
    private static void feed(LimitedProcess child, byte[] framesTHWC) throws IOException {
        try (OutputStream in = child.stdin()) {
            in.write(framesTHWC);
        } catch (IOException e) {
            LimitedProcess.Ending ending = child.await();
            if (ending.good()) {
                throw e;
            }
        }
    }

    private List<String> command(String... first) {
        List<String> command = new ArrayList<>(List.of(programs.ffmpeg(), "-nostdin", "-hide_banner", "-v", "error"));
        command.addAll(List.of(first));
        return command;
    }

    /** A URL, so that ffmpeg does not read a name as a protocol or an option. */
    private static String url(Path file) {
        return "file:" + file.toAbsolutePath();
    }

    static String reason(String what, LimitedProcess.Ending ending) {
        if (ending.timedOut()) {
            return what + ": it took too long";
        }
        // Addresses in ffmpeg's log prefixes differ from run to run. The first line is the cause of the later lines.
        String words = ending.lastWords()
                .lines()
                .findFirst()
                .map(line -> line.replaceAll("\\[([^\\]@]+) @ 0x[0-9a-f]+\\]", "[$1]")
                        .replaceAll("file:\\S*/", ""))
                .orElse("exit code " + ending.code());
        return what + ": " + words;
    }
}
