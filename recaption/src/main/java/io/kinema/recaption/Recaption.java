package io.kinema.recaption;

import io.kinema.data.command.Command;
import io.kinema.data.command.CommandLine;
import io.kinema.recaption.captioner.expander.ExpandCommand;
import io.kinema.recaption.captioner.expander.TrainExpanderCommand;
import io.kinema.recaption.captioner.training.TrainCommand;
import io.kinema.recaption.measure.MeasureCommand;
import io.kinema.recaption.run.CaptionRunCommand;
import io.kinema.recaption.score.ScoreCommand;
import io.kinema.recaption.show.ShowCommand;
import java.util.List;

/** The command {@code launch/recaption.sh}: trains captioners, captions data sets, shows and measures captions. */
public final class Recaption {
    private static final String USAGE = """
            launch/recaption.sh — describes the clips of a data set in words

            usage: launch/recaption.sh COMMAND [@FILE] [flags]

              train           trains a captioner on the clips that have captions
              run             captions every clip of a data set
              measure         compares new captions with the captions that came with the videos
              show            makes a page of clips and captions
              score           measures how well a trained video model follows prompts
              train-expander  trains a model that makes detailed prompts of short ones
              expand          makes a detailed prompt of a short one
            Flags of a command: launch/recaption.sh COMMAND --help
            """;

    private Recaption() {}

    /**
     * Runs the command and ends the JVM with its exit code.
     *
     * @param args a command and its flags
     */
    public static void main(String[] args) {
        // Drawing pictures needs no screen, and a server has none.
        System.setProperty("java.awt.headless", "true");
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws Exception {
        return Command.run(
                "launch/recaption.sh",
                USAGE,
                List.of(
                        new Command("train", TrainCommand::run),
                        new Command("run", CaptionRunCommand::run),
                        new Command("measure", MeasureCommand::run),
                        new Command("show", ShowCommand::run),
                        new Command("score", ScoreCommand::run),
                        new Command("train-expander", TrainExpanderCommand::run),
                        new Command("expand", ExpandCommand::run)),
                args);
    }
}
