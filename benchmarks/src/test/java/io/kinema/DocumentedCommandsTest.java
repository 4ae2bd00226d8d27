package io.kinema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Commands in README and docs: their scripts and flags are there. {@code .ci/run} runs those of the README in small.
 */
class DocumentedCommandsTest {
    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
    private static final Pattern SHELL_BLOCK = Pattern.compile("(?ms)^\\s*```sh\\n(.*?)^\\s*```");
    private static final Pattern IN_A_SENTENCE = Pattern.compile("`(launch/[a-z]+\\.sh [^`\\n]+)`");
    private static final Pattern SCRIPT = Pattern.compile("(?:\\S*/)?launch/([a-z-]+)\\.sh");
    private static final Pattern MAIN_CLASS = Pattern.compile("kinema_java \\S+ (io\\.kinema\\.\\S+)");

    /** Of a shell: quoted texts, what ends a command, and words. */
    private static final Pattern TOKEN =
            Pattern.compile("((?:\"[^\"]*\"|'[^']*'|\\\\.|[^\\s\"'|&;<>()])+)|([|&;<>()]+)");

    /** What fewer than these are found in. */
    private static final int LEAST_COMMANDS = 50;

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
        for (String folder : List.of("docs", "benchmarks", "configs", "launch")) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
                files.filter(file -> file.toString().endsWith(".md"))
                        .filter(file -> !file.toString().contains("/target/"))
                        .sorted()
                        .forEach(pages::add);
            }
        }
        return pages;
    }

    /** Commands of a page, each as words. */
    private static List<List<String>> commands(String page) {
        List<List<String>> commands = new ArrayList<>();
        Matcher block = SHELL_BLOCK.matcher(page);
        while (block.find()) {
            for (String line : block.group(1).replace("\\\n", " ").split("\n")) {
                commands.addAll(commandsOf(line));
            }
        }
        Matcher sentence = IN_A_SENTENCE.matcher(page);
        while (sentence.find()) {
            commands.addAll(commandsOf(sentence.group(1)));
        }
        return commands;
    }

    private static List<List<String>> commandsOf(String line) {
        List<List<String>> commands = new ArrayList<>();
        List<String> words = new ArrayList<>();
        Matcher token = TOKEN.matcher(line.replaceFirst("(^|\\s)#.*", ""));
        while (token.find()) {
            if (token.group(1) == null) {
                commands.add(words);
                words = new ArrayList<>();
            } else {
                words.add(token.group(1).replaceAll("[\"']", ""));
            }
        }
        commands.add(words);
        return commands;
    }

    /** The name of the launch script that a command starts, and the words after it; empty for other programs. */
    private static List<String> launched(List<String> command) {
        for (int i = 0; i < command.size(); i++) {
            Matcher script = SCRIPT.matcher(command.get(i));
            List<String> rest = command.subList(i + 1, command.size());
            if (script.matches()) {
                List<String> launched = new ArrayList<>(List.of(script.group(1)));
                launched.addAll(rest);
                return launched;
            }
        }
        boolean isProgram = command.size() > 1
                && command.getFirst().matches("(\\S*/)?kinema")
                && !command.get(1).startsWith("-");
        return isProgram ? command.subList(1, command.size()) : List.of();
    }

    /** With help asked for, a command checks its flags and does nothing. */
    private static String problemOf(List<String> launched) throws Exception {
        Path script = ROOT.resolve("launch").resolve(launched.getFirst() + ".sh");
        if (!Files.isExecutable(script)) {
            return "there is no " + script;
        }
        Matcher main = MAIN_CLASS.matcher(Files.readString(script));
        if (!main.find()) {
            return "";
        }
        List<String> args = new ArrayList<>(launched.subList(1, launched.size()));
        // Files that the reader has made before.
        args.removeIf(arg -> arg.startsWith("@") && !Files.exists(ROOT.resolve(arg.substring(1))));
        args.replaceAll(arg -> arg.startsWith("@") ? "@" + ROOT.resolve(arg.substring(1)) : arg);
        args.add("--help");
        Method run = Class.forName(main.group(1)).getDeclaredMethod("run", String[].class);
        run.setAccessible(true);
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
            System.setOut(out);
            run.invoke(null, (Object) args.toArray(String[]::new));
        } catch (InvocationTargetException e) {
            return e.getCause().getMessage();
        } finally {
            System.setOut(before);
        }
        boolean isHelp = printed.toString(StandardCharsets.UTF_8).contains("usage: launch/" + launched.getFirst());
        return isHelp ? "" : "it did not print its help";
    }

    @Test
    void shouldHaveTheScriptsAndFlagsOfEveryDocumentedCommand() throws Exception {
        Map<String, String> problems = new LinkedHashMap<>();
        int numCommands = 0;
        for (Path page : pages()) {
            for (List<String> command : commands(Files.readString(page))) {
                List<String> launched = launched(command);
                if (!launched.isEmpty()) {
                    numCommands++;
                    String problem = problemOf(launched);
                    if (!problem.isEmpty()) {
                        problems.put(ROOT.relativize(page) + ": " + String.join(" ", command), problem);
                    }
                }
            }
        }
        assertEquals(Map.of(), problems);
        assertTrue(numCommands >= LEAST_COMMANDS, numCommands + " commands");
    }

    @Test
    void shouldTakeApartCommandsAsAShellDoes() throws Exception {
        List<List<String>> commands =
                commandsOf("LC_ALL=C launch/sample.sh --prompt \"a | b\" --output 'c d' >e && kinema x # launch/f.sh");
        assertEquals(List.of("sample", "--prompt", "a | b", "--output", "c d"), launched(commands.getFirst()));
        assertEquals(List.of("x"), launched(commands.getLast()));
        String unknown = problemOf(List.of("sample", "--promt", "x"));
        assertTrue(unknown.contains("--prompt"), unknown);
        assertTrue(problemOf(List.of("nothing")).contains("there is no"));
    }
}
