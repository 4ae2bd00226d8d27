package io.kinema.train.run;

/**
 * Flags of {@code launch/train.sh} in one text, without spaces in values; of a flag that is there twice the last
 * counts.
 */
public final class FlagText {
    private FlagText() {}

    public static RunSettings settings(String flags) {
        return RunSettings.ofThisHost(parse(flags));
    }

    static TrainFlags parse(String flags) {
        return TrainFlags.parse(flags.split(" ")).orElseThrow();
    }
}
