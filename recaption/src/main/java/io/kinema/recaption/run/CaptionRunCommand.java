package io.kinema.recaption.run;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** {@code launch/recaption.sh run}: captions every clip of a data set. */
public final class CaptionRunCommand {
    private CaptionRunCommand() {}

    /**
     * Runs the command.
     *
     * @param args its flags
     * @return the exit code
     * @throws ConfigException on the user's mistake
     * @throws IOException if a clip cannot be read or captions cannot be written
     */
    public static int run(String... args) throws IOException {
        RunFlags flags = new RunFlags();
        CommandLine line = new CommandLine("launch/recaption.sh run", RunFlags.SUMMARY, flags);
        if (!line.parse(args)) {
            return 0;
        }
        flags.check();
        Folder input = Folder.at(flags.data);
        Folder output = Folder.at(flags.output);
        checkApart(input, output);
        try (Dataset data = Dataset.open(flags.data)) {
            CaptionRun run = new CaptionRun(
                    data, input.locationOf(""), output, flags.captioner(), flags.styles(), flags.attempts);
            Map<String, String> settings = run.settings();
            boolean isFinished;
            try {
                isFinished = run.claim(settings, flags.overwrite);
                output.write(CaptionRun.ARGS, line.toArgs().getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                throw new ConfigException(
                        "cannot write to --output " + output + ": " + e.getMessage()
                                + "; choose a folder that can be written to",
                        e);
            }
            if (isFinished) {
                System.out.println(output + " is already captioned with the same settings; nothing to do");
                return 0;
            }
            print(run.run(settings, flags.master), output);
        }
        return 0;
    }

    private static void checkApart(Folder input, Folder output) {
        String in = input + "/";
        String out = output + "/";
        if (in.startsWith(out) || out.startsWith(in)) {
            throw new ConfigException(
                    "--output " + output + " and --data " + input + " overlap; choose an output folder elsewhere");
        }
    }

    private static void print(CaptionRun.Summary summary, Folder output) throws IOException {
        System.out.println(summary.numClips() + " clips; new captions by style: " + summary.captionsByStyle());
        if (summary.numLeft() > 0) {
            System.out.println("  " + summary.numLeft() + " questions without a useful answer; the reasons are in "
                    + output.locationOf(CaptionRun.QUARANTINE));
        }
        if (summary.usage().requests() > 0) {
            System.out.println("  the server: " + summary.usage().describe());
        }
        System.out.println("data set: " + output);
    }
}
