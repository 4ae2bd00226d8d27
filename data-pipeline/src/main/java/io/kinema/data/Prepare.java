package io.kinema.data;

import io.kinema.data.clip.SourceListing;
import io.kinema.data.command.CommandLine;
import io.kinema.data.storage.Folder;
import io.kinema.data.synth.SynthCommand;
import io.kinema.data.video.Ffmpeg;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The command {@code launch/prepare.sh}: makes data sets from videos, inspects data sets, makes synthetic videos. */
public final class Prepare {
    private Prepare() {}

    /**
     * Runs the command and ends the JVM with its exit code.
     *
     * @param args {@code synth …}, {@code inspect …}, or the flags of preparing
     */
    public static void main(String[] args) {
        // Drawing pictures needs no screen, and a server has none.
        System.setProperty("java.awt.headless", "true");
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws Exception {
        String first = args.length == 0 ? "" : args[0];
        String[] rest = args.length == 0 ? args : Arrays.copyOfRange(args, 1, args.length);
        return switch (first) {
            case "synth" -> SynthCommand.run(rest);
            case "inspect" -> InspectCommand.run(rest);
            default -> prepare(args);
        };
    }

    private static int prepare(String... args) throws Exception {
        PrepareFlags flags = new PrepareFlags();
        CommandLine line = new CommandLine("launch/prepare.sh", PrepareFlags.SUMMARY, flags);
        if (!line.parse(args)) {
            return 0;
        }
        flags.check();
        Folder input = Folder.at(flags.input);
        Folder output = Folder.at(flags.output);
        OutputFolder place = new OutputFolder(output);
        place.checkApartFrom(input);
        SourceListing listing = SourceListing.of(input);
        Ffmpeg ffmpeg = Ffmpeg.locate(flags.ffmpeg, flags.timeoutSeconds);
        place.claim(flags.overwrite);
        output.write(OutputFolder.ARGS, line.toArgs().getBytes(StandardCharsets.UTF_8));
        System.out.println(listing.sources().size() + " files in " + input + ", decoded by " + ffmpeg.description());
        Preparation preparation = new Preparation(input, output, flags);
        return preparation.run(listing, ffmpeg) ? 0 : 2;
    }
}
