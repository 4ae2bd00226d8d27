package io.kinema.train.save;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.optim.LearningRate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** Says which flags that decide the result differ from those that a checkpoint was trained with. */
final class FlagChanges {
    /** Beside those that must not differ: {@link ResumeChoice} refuses another model. */
    private static final Set<String> DECISIVE = Set.of(
            "--steps",
            "--microbatches",
            "--tokens",
            "--seed",
            "--learning-rate",
            "--warmup",
            "--schedule",
            "--weight-decay",
            "--clip-norm",
            "--ema-decay",
            "--spike-sigma",
            "--caption-dropout",
            "--caption-mix",
            "--device",
            "--precision",
            "--reduction",
            "--wire");

    /** Of checkpoints that are older than the flag. */
    private static final Map<String, String> ABSENT =
            Map.of("--precision", "fp32", "--reduction", "exact", "--wire", "fp32");

    /** Rates that differ by less are the same to the eye. */
    private static final double NOTABLE_RATIO = 1.01;

    private final Checkpoint checkpoint;
    private final Map<String, String> before;
    private final Map<String, String> now;

    FlagChanges(Checkpoint checkpoint, List<String> flags) {
        this.checkpoint = checkpoint;
        before = new LinkedHashMap<>(ABSENT);
        before.putAll(byName(checkpoint.state().flags()));
        now = byName(flags);
    }

    /** A line such as {@code --steps 40} each. */
    private static Map<String, String> byName(List<String> lines) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String line : lines) {
            int space = line.indexOf(' ');
            values.put(space < 0 ? line : line.substring(0, space), space < 0 ? "" : line.substring(space + 1));
        }
        return values;
    }

    /** Says it, in a line for the flags and one for a jump of the learning rate. */
    void tell(Consumer<String> warning) {
        List<String> old = new ArrayList<>();
        List<String> changed = new ArrayList<>();
        now.forEach((flag, value) -> {
            String was = before.getOrDefault(flag, value);
            if (DECISIVE.contains(flag) && !was.equals(value)) {
                old.add(flag + " " + was);
                changed.add(flag + " " + value);
            }
        });
        if (!changed.isEmpty()) {
            warning.accept(checkpoint.folder() + " was trained with " + String.join(", ", old) + "; going on with "
                    + String.join(", ", changed));
        }
        tellRate(warning);
    }

    private void tellRate(Consumer<String> warning) {
        Optional<LearningRate> old = rate(before);
        Optional<LearningRate> given = rate(now);
        if (old.isEmpty() || given.isEmpty()) {
            return;
        }
        long step = checkpoint.state().step();
        double was = old.get().at(step);
        double is = given.get().at(step);
        if (Math.max(was, is) > NOTABLE_RATIO * Math.min(was, is)) {
            String ratio = was == 0 ? "" : String.format(Locale.ROOT, ", %.3g times as much", is / was);
            warning.accept(String.format(
                    Locale.ROOT,
                    "the learning rate of step %d would have been %.3g with the flags of before; it is %.3g%s",
                    step + 1,
                    was,
                    is,
                    ratio));
        }
    }

    private static Optional<LearningRate> rate(Map<String, String> flags) {
        try {
            return Optional.of(new LearningRate(
                    Double.parseDouble(flags.getOrDefault("--learning-rate", "")),
                    Long.parseLong(flags.getOrDefault("--warmup", "")),
                    Long.parseLong(flags.getOrDefault("--steps", "")),
                    LearningRate.Schedule.parse(flags.getOrDefault("--schedule", ""))));
        } catch (NumberFormatException | ConfigException notSaid) {
            return Optional.empty();
        }
    }
}
