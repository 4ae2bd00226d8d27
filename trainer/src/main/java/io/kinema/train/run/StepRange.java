package io.kinema.train.run;

import com.beust.jcommander.IStringConverter;
import com.beust.jcommander.ParameterException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Steps in a row, numbered from 1 as in the metrics. As a flag: {@code 400} for the first 400, {@code 5-7} for these
 * three.
 *
 * @param first of them
 * @param last of them, itself included
 */
public record StepRange(long first, long last) {
    private static final Pattern SYNTAX = Pattern.compile("(?:(\\d{1,18})-)?(\\d{1,18})");

    /** Reads the flag. */
    public static final class Parser implements IStringConverter<StepRange> {
        /** Begins with nothing. */
        public Parser() {}

        @Override
        public StepRange convert(String value) {
            Matcher matcher = SYNTAX.matcher(value);
            if (!matcher.matches()) {
                throw new ParameterException(
                        "--steps " + value + " is neither a number such as 400 nor a range such as 5-7");
            }
            long last = Long.parseLong(matcher.group(2));
            if (matcher.group(1) == null) {
                return upTo(last);
            }
            long first = Long.parseLong(matcher.group(1));
            if (first < 1 || first > last) {
                throw new ParameterException("--steps " + value + " holds no step: they are numbered from 1, and the"
                        + " first of a range comes first");
            }
            return new StepRange(first, last);
        }
    }

    /**
     * The first steps of a run.
     *
     * @param count the last step
     * @return 1 to count
     */
    public static StepRange upTo(long count) {
        return new StepRange(1, count);
    }

    /** As a flag's value. */
    @Override
    public String toString() {
        return first == 1 ? Long.toString(last) : first + "-" + last;
    }
}
