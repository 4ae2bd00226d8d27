package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import com.beust.jcommander.converters.IParameterSplitter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandLineTest {
    enum Schedule {
        CONSTANT,
        COSINE
    }

    static final class Flags {
        @Parameter(names = "--output", description = "Where to write", required = true, placeholder = "DIR")
        String output = "";

        @Parameter(names = "--steps", description = "How many steps")
        int steps = 100;

        @Parameter(names = "--learning-rate", description = "The peak")
        double learningRate = 1e-3;

        @Parameter(names = "--schedule", description = "Of the learning rate")
        Schedule schedule = Schedule.COSINE;

        @Parameter(names = "--prompt", description = "What to show; may be repeated", splitter = Whole.class)
        List<String> prompts = new ArrayList<>();

        @Parameter(names = "--overwrite", description = "Replace what is there")
        boolean overwrite;

        @Parameter(names = "--rank", description = "Set by the launcher", hidden = true)
        int rank;
    }

    public static final class Whole implements IParameterSplitter {
        @Override
        public List<String> split(String value) {
            return List.of(value);
        }
    }

    static final class ServerFlags {
        @Parameter(names = "--url", description = "Of the server")
        String url = "http://localhost";
    }

    static final class FlagsWithOthers {
        @Parameter(names = "--output", description = "Where to write")
        String output = "here";

        @ParametersDelegate
        final ServerFlags server = new ServerFlags();
    }

    @Test
    void shouldKnowFlagsThatSeveralCommandsShare() {
        FlagsWithOthers flags = new FlagsWithOthers();
        CommandLine line = new CommandLine("launch/test.sh", "does this", flags);
        assertTrue(line.usage().contains("Of the server (default http://localhost)"), line.usage());
        assertTrue(line.parse("--url", "http://far", "--output", "there"));
        assertEquals("http://far", flags.server.url);
        assertEquals("--output there\n--url http://far\n", line.toArgs());
    }

    @TempDir
    Path folder;

    private final Flags flags = new Flags();
    private final CommandLine line = new CommandLine("launch/try.sh", "Tries things", flags);

    @Test
    void shouldSetFieldsAndKeepDefaults() {
        assertTrue(line.parse("--output", "a b", "--steps=7", "--overwrite", "--schedule", "constant"));
        assertEquals("a b", flags.output);
        assertEquals(7, flags.steps);
        assertEquals(1e-3, flags.learningRate);
        assertEquals(Schedule.CONSTANT, flags.schedule);
        assertTrue(flags.overwrite);
    }

    @Test
    void shouldKeepASwitchOnThatIsGivenTwice() {
        assertTrue(line.parse("--output", "a", "--overwrite", "--overwrite"));
        assertTrue(flags.overwrite);
    }

    @Test
    void shouldReadArgsFilesWithCommentsAndLetLaterFlagsWin() throws IOException {
        Path inner = Files.writeString(folder.resolve("inner.args"), "--steps 5\n--learning-rate 0.5\n");
        Path outer = Files.writeString(folder.resolve("outer.args"), """
                # the small one
                @%s

                --learning-rate 0.25   # per step
                --prompt "a \\"red\\" circle # one"
                --prompt 'two squares, blue'
                --output=out#1
                """.formatted(inner));
        assertTrue(line.parse("--steps", "1", "@" + outer, "--steps", "9"));
        assertEquals(9, flags.steps);
        assertEquals(0.25, flags.learningRate);
        assertEquals(List.of("a \"red\" circle # one", "two squares, blue"), flags.prompts);
        assertEquals("out#1", flags.output);
    }

    @Test
    void shouldPrintArgsThatParseToTheSameFlags() throws IOException {
        line.parse(
                "--output", "a \"b\" #c\\d", "--prompt", "one, two", "--prompt", "three", "--overwrite", "--rank", "3");
        String args = line.toArgs();
        Flags again = new Flags();
        CommandLine repeated = new CommandLine("launch/try.sh", "Tries things", again);
        repeated.parse("@" + Files.writeString(folder.resolve("run.args"), args));
        assertEquals(args, repeated.toArgs());
        assertEquals(flags.output, again.output);
        assertEquals(flags.prompts, again.prompts);
        assertTrue(again.overwrite);
        assertTrue(args.contains("--steps 100\n"), args);
        assertFalse(args.contains("--rank"), args);
    }

    @Test
    void shouldPrintArgsWithValuesThatWereDecidedLater() {
        line.parse("--output", "here", "--overwrite");
        String args = line.toArgs(Map.of("--output", "a b", "--steps", "7"));
        assertEquals(
                line.toArgs().replace("--output here", "--output \"a b\"").replace("--steps 100", "--steps 7"), args);
        assertEquals("here", flags.output);
    }

    @Test
    void shouldSuggestTheNearestFlag() {
        assertEquals(
                "unknown flag --stpes; did you mean --steps? see launch/try.sh --help",
                mistake("--output", "x", "--stpes", "7"));
        assertTrue(mistake("--output", "x", "--learningrate=1").contains("did you mean --learning-rate?"));
    }

    @Test
    void shouldSayWhichValueIsMissingOrBad() {
        assertEquals("--steps needs a value: How many steps; see launch/try.sh --help", mistake("--steps"));
        assertTrue(mistake("--steps", "--overwrite").startsWith("--steps needs a value"));
        assertEquals("--output is missing: Where to write; see launch/try.sh --help", mistake("--steps", "3"));
        String bad = mistake("--output", "x", "--steps", "3.5");
        assertTrue(bad.contains("--steps") && bad.contains("3.5") && bad.contains("integer"), bad);
        String badEnum = mistake("--output", "x", "--schedule", "linear");
        assertTrue(badEnum.contains("--schedule") && badEnum.contains("COSINE"), badEnum);
        assertTrue(mistake("--output", "x", "more").startsWith("unexpected argument 'more'"));
    }

    @Test
    void shouldRejectArgsFilesThatAreMissingCircularOrUnclosed() throws IOException {
        assertTrue(mistake("@" + folder.resolve("none.args")).contains("no file " + folder.resolve("none.args")));
        Path circular = folder.resolve("circular.args");
        Files.writeString(circular, "@" + circular);
        assertTrue(mistake("@" + circular).contains("includes itself"));
        Path open = Files.writeString(folder.resolve("open.args"), "--steps 1\n--output \"a b\n");
        assertTrue(mistake("@" + open).contains(open + ":2"));
    }

    @Test
    void shouldPrintEveryVisibleFlagOnHelpAndNotGoOn() {
        PrintStream stdout = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            assertFalse(line.parse("--steps", "3", "--help"));
        } finally {
            System.setOut(stdout);
        }
        String text = printed.toString(StandardCharsets.UTF_8);
        for (String flag : List.of("--output DIR", "--steps", "(default 100)", "--overwrite", "[CONSTANT|COSINE]")) {
            assertTrue(text.contains(flag), text);
        }
        assertFalse(text.contains("--rank"), text);
    }

    @Test
    void shouldTurnExceptionsIntoExitCodes() {
        PrintStream stderr = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            assertEquals(3, CommandLine.run(() -> 3));
            assertEquals(2, CommandLine.run(() -> {
                throw new ConfigException("too few clips");
            }));
            assertEquals("error: too few clips\n", printed.toString(StandardCharsets.UTF_8));
            assertEquals(1, CommandLine.run(() -> {
                throw new IOException("disk full");
            }));
            assertTrue(printed.toString(StandardCharsets.UTF_8).endsWith("error: disk full\n"), printed.toString());
            assertEquals(1, CommandLine.run(() -> {
                throw new NoSuchFileException("clips.csv");
            }));
            assertTrue(printed.toString(StandardCharsets.UTF_8).endsWith("NoSuchFileException: clips.csv\n"));
            assertEquals(1, CommandLine.run(() -> {
                throw new IllegalStateException("a bug");
            }));
            String told = printed.toString(StandardCharsets.UTF_8);
            assertTrue(told.contains("error: internal error: java.lang.IllegalStateException: a bug at "), told);
            assertTrue(told.endsWith("; KINEMA_TRACE=1 shows the stack trace\n"), told);
            assertFalse(told.contains("\tat "), told);
        } finally {
            System.setErr(stderr);
        }
    }

    private String mistake(String... args) {
        String message =
                assertThrows(ConfigException.class, () -> line.parse(args)).getMessage();
        assertFalse(message.contains("\n"), message);
        return message;
    }
}
