package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.kinema.train.TestedCommit;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Host;
import io.kinema.train.tensor.cpu.CpuResults.Extent;
import io.kinema.train.tensor.cpu.CpuResults.Result;
import io.kinema.train.tensor.cpu.RowOperations.Operation;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** The cpu device in other JVMs: with vectors of other widths, interpreted, and compiled. */
class CpuJvmTest {
    private static final long LIMIT_SECONDS = 180;
    private static final String COMMANDS_FLAG = "-XX:CompileCommandFile=";
    private static final String LOOP_COMMAND = "dontinline ";
    /** So that a method is compiled to the end after some ten calls instead of thousands. */
    private static final String EARLY = ",0.001";

    private static final int ROUNDS = 6;
    private static final int[] WIDTHS = {128, 256};

    @TempDir
    Path folder;

    /** The results of a JVM with more flags than this one has, and what it printed. */
    private record Run(CpuResults results, String output) {}

    private Run run(List<String> flags, Extent extent, int rounds) throws IOException, InterruptedException {
        Path file = Files.createTempFile(folder, "results", ".bin");
        Path output = Files.createTempFile(folder, "output", ".txt");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(flagsOfThisJvm());
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), CpuResults.class.getName()));
        command.addAll(List.of(file.toString(), extent.name(), Integer.toString(rounds)));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            String printed = Files.readString(output);
            assertTrue(ended, () -> flags + " did not end: " + printed);
            assertEquals(0, process.exitValue(), () -> flags + ": " + printed);
            return new Run(CpuResults.read(file), printed);
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static List<String> flagsOfThisJvm() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments();
    }

    /** The commit draws one of the widths. */
    @Test
    void shouldAgreeWithFloat64AtAnotherWidthOfVectors() throws Exception {
        TestedCommit commit = TestedCommit.of(Path.of("").toAbsolutePath());
        int bits = WIDTHS[commit.part(WIDTHS.length)];
        System.out.println("commit " + commit.hash() + " draws vectors of " + bits + " bits; -Pexhaustive tests all of "
                + Arrays.toString(WIDTHS));
        expectFloat64(bits);
    }

    @ParameterizedTest
    @FieldSource("WIDTHS")
    @Tag("exhaustive")
    void shouldAgreeWithFloat64WhateverTheWidthOfVectors(int bits) throws Exception {
        expectFloat64(bits);
    }

    private void expectFloat64(int bits) throws Exception {
        assumeTrue(bits <= FloatVector.SPECIES_PREFERRED.vectorBitSize(), "this machine's vectors are narrower");
        String width = "-XX:MaxVectorSize=" + bits / Byte.SIZE;
        CpuResults actual = run(List.of(width), Extent.MANY_ROWS, 1).results();
        assertEquals(bits, actual.vectorBits());
        Iterator<Result> results = actual.all().iterator();
        try (Device oracle = Nd4jDevice.open(DType.FP64)) {
            for (DType type : CpuResults.TYPES) {
                for (Operation operation : Extent.MANY_ROWS.operations(type)) {
                    assertAgrees(operation, oracle, results);
                }
                for (AttentionProblem problem : Extent.MANY_ROWS.attention(type)) {
                    double[][] solution = new double[AttentionBench.RESULTS.size()][];
                    for (int i = 0; i < solution.length; i++) {
                        solution[i] = results.next().values();
                    }
                    FlashAttentionTest.assertNear(problem, solution);
                }
                double[] squares = Host.sumOfSquares(
                        oracle, Extent.MANY_ROWS.squares(type).on(oracle, 0), CpuResults.SQUARES_BLOCK);
                assertArrayEquals(squares, results.next().values(), 1e-9);
            }
        }
        assertFalse(results.hasNext());
    }

    private static void assertAgrees(Operation operation, Device oracle, Iterator<Result> results) {
        try (Device.Scope _ = oracle.openScope()) {
            List<double[]> expected = operation.on(oracle, 0);
            for (int i = 0; i < expected.size(); i++) {
                Result result = results.next();
                assertEquals(operation + ": " + i, result.name());
                RowOperationsTest.assertClose(expected.get(i), result.values(), result.narrow(), result.name());
            }
        }
    }

    @Test
    void shouldGiveTheSameBitsInterpretedAndCompiled() throws Exception {
        List<String> loops = loops();
        List<String> flags = new ArrayList<>(List.of("-Xbatch", "-XX:+PrintCompilation"));
        for (String loop : loops) {
            String everyMethod = loop.replaceFirst("::.*", "::*");
            flags.add("-XX:CompileCommand=CompileThresholdScaling," + everyMethod + EARLY);
        }
        Run compiled = run(flags, Extent.FEW_ROWS, ROUNDS);
        for (String loop : loops) {
            // The number before a method's name is the compiler's level, of which 4 is the last.
            assertTrue(
                    Pattern.compile(" 4 +" + Pattern.quote(loop) + " \\(")
                            .matcher(compiled.output())
                            .find(),
                    () -> loop + " was not compiled: " + compiled.output());
        }
        Run interpreted = run(List.of("-Xint"), Extent.FEW_ROWS, 1);
        assertEquals(List.of(), interpreted.results().different(compiled.results()));
    }

    /** The methods that a pattern of class and method names. */
    private static Stream<String> methods(String pattern) {
        String[] parts = pattern.split("::");
        Pattern name = Pattern.compile(parts[1].replace("*", "\\w*"));
        try {
            return Arrays.stream(Class.forName(parts[0]).getDeclaredMethods())
                    .filter(method -> !method.isSynthetic())
                    .map(Method::getName)
                    .filter(method -> name.matcher(method).matches())
                    .distinct()
                    .map(method -> parts[0] + "::" + method);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(pattern + " names no class", e);
        }
    }

    /** The methods that loop over vectors: all that are compiled by themselves. */
    private static List<String> loops() throws IOException {
        String flag = flagsOfThisJvm().stream()
                .filter(given -> given.startsWith(COMMANDS_FLAG))
                .findFirst()
                .orElseThrow(() -> new AssertionError("tests need the flag " + COMMANDS_FLAG));
        List<String> loops = Files.readAllLines(Path.of(flag.substring(COMMANDS_FLAG.length()))).stream()
                .filter(line -> line.startsWith(LOOP_COMMAND))
                .map(line -> line.substring(LOOP_COMMAND.length()))
                .flatMap(CpuJvmTest::methods)
                .toList();
        assertFalse(loops.isEmpty());
        return loops;
    }
}
