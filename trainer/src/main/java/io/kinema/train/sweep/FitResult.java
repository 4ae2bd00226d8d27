package io.kinema.train.sweep;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What {@code launch/sweep.sh fit} has found, and all that a recommendation or a plot needs of it; {@code fit.json} in
 * its folder.
 *
 * @param points what was fitted
 * @param fitted the law's loss at each point
 * @param costOfToken log C/D over log N
 * @param law L(N, D) = E + A/N^α + B/D^β
 * @param estimates with their intervals; what the points cannot tell is not there
 * @param quality how well the law describes the points
 * @param isoFlop the best divisions by parabolas; null where the points have none
 * @param parabolas through the points of each budget
 * @param curves the best divisions by the minimum over curves; null where the points have none
 * @param leftOut what the other points say of the one of the highest cost
 * @param remarks what to know before believing any of it
 * @param lawSamples the law's five numbers (E, A, α, B, β) by each sample of the bootstrap
 * @param seed of the bootstrap
 */
record FitResult(
        List<ScalingPoint> points,
        double[] fitted,
        Line costOfToken,
        PowerLaw law,
        Map<Quantity, Interval> estimates,
        Quality quality,
        @JsonInclude(JsonInclude.Include.NON_NULL) Allocation isoFlop,
        List<IsoFlop.Parabola> parabolas,
        @JsonInclude(JsonInclude.Include.NON_NULL) Allocation curves,
        LeftOut leftOut,
        List<String> remarks,
        double[][] lawSamples,
        long seed) {

    static final String FILE = "fit.json";

    private static final JsonMapper JSON = new JsonMapper();

    /**
     * How well the law describes the points.
     *
     * @param rSquared the share of the variance of log L that it explains
     * @param deviation standard deviation of log L about it
     * @param condition largest over smallest singular value of the law's derivatives at the points, columns of length
     *     1: how much noise is blown up in what is known worst
     * @param objective the sum of Huber losses
     * @param gradientNorm of the objective where the search ended
     */
    record Quality(double rSquared, double deviation, double condition, double objective, double gradientNorm) {}

    /**
     * The point of the highest cost, and the law without it.
     *
     * @param point which of the points
     * @param predicted its loss by the others
     * @param error predicted over measured, less 1
     */
    record LeftOut(int point, double predicted, double error) {}

    /** The law of a sample. */
    PowerLaw lawOf(int sample) {
        double[] numbers = lawSamples[sample];
        return new PowerLaw(numbers[0], new double[] {numbers[1], numbers[3]}, new double[] {numbers[2], numbers[4]});
    }

    /** How each sample of the bootstrap divides budgets; those by whose law size or data do not help are left out. */
    List<Budget> divisible() {
        return IntStream.range(0, lawSamples.length)
                .mapToObj(sample -> new Budget(lawOf(sample), costOfToken))
                .filter(Budget::isDivisible)
                .toList();
    }

    void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        SweepFolder.write(
                folder.resolve(FILE), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this));
    }

    /**
     * Reads what {@link #write} has written.
     *
     * @throws ConfigException if the folder holds no fit
     */
    static FitResult read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            throw new ConfigException("no " + FILE + " in " + folder.toAbsolutePath()
                    + "; give the folder that launch/sweep.sh fit has written");
        }
        try {
            return JSON.readValue(file.toFile(), FitResult.class);
        } catch (JacksonException e) {
            throw new ConfigException(
                    file + " is no fit, or damaged: "
                            + e.getMessage().lines().findFirst().orElse("") + "; run launch/sweep.sh fit again",
                    e);
        }
    }
}
