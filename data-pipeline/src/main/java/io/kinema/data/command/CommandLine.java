package io.kinema.data.command;

import com.beust.jcommander.JCommander;
import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParameterDescription;
import com.beust.jcommander.ParameterException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/**
 * The flags of one command: parsed into an object whose fields carry JCommander's {@link Parameter}, explained by
 * {@code --help}, and printed back as flags to paste.
 *
 * <p>{@code @FILE} stands for the flags in that file; files may name further files. If a flag is given several times,
 * its last value counts; a list collects all values. {@code --flag value} and {@code --flag=value} are the same.
 */
public final class CommandLine {
    private static final String HELP = "--help";

    private final String program;
    private final String summary;
    private final Object flags;
    private final Map<String, String> defaults = new HashMap<>();

    /**
     * Describes a command.
     *
     * @param program the command as the user types it, for {@code --help} and messages
     * @param summary what the command does, for {@code --help}
     * @param flags the object whose fields carry {@link Parameter}; its values before parsing are the defaults
     */
    public CommandLine(String program, String summary, Object flags) {
        this.program = program;
        this.summary = summary;
        this.flags = flags;
        for (ParameterDescription flag : ordered(parser())) {
            defaults.put(
                    flag.getLongestName(),
                    isEmpty(flag.getDefault()) ? "" : flag.getDefault().toString());
        }
    }

    /**
     * Runs a command and reports failures on stderr in one line; the environment variable {@value Failure#TRACE} shows
     * stack traces.
     *
     * @param command the command; its value is the exit code
     * @return the command's exit code; 2 after a {@link ConfigException}; 1 after any other exception or error, and
     *     after any while the JVM is ending
     */
    public static int run(Callable<Integer> command) {
        return run(command, Failure.askedFor());
    }

    /**
     * The same, for a process with a log of its own.
     *
     * @param command the command; its value is the exit code
     * @param traces the file that stack traces are appended to
     * @return the exit code
     */
    public static int run(Callable<Integer> command, Path traces) {
        return run(command, Failure.into(traces));
    }

    private static int run(Callable<Integer> command, Consumer<Failure> trace) {
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {
            Failure failure = new Failure(e);
            System.err.println("error: thread " + thread.getName() + " has ended: " + failure.line());
            trace.accept(failure);
        });
        try {
            return command.call();
        } catch (Throwable e) {
            if (isJvmEnding()) {
                // The JVM is ending after Ctrl-C or a signal, which causes failures of all kinds.
                System.err.println("stopped before the end");
                return 1;
            }
            Failure failure = new Failure(e);
            System.err.println("error: " + failure.line());
            trace.accept(failure);
            return failure.isMistake() ? 2 : 1;
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    /**
     * Checks a flag's number.
     *
     * @param flag its name
     * @param value its value
     * @param low the lowest allowed value
     * @param high the highest allowed value
     * @throws ConfigException if the value is out of range, or not a number
     */
    public static void requireRange(String flag, double value, double low, double high) {
        if (!(value >= low && value <= high)) {
            throw new ConfigException(
                    flag + " " + number(value) + " is out of range; use " + number(low) + " to " + number(high));
        }
    }

    /**
     * Writes a number as a user would: a whole number has no fraction.
     *
     * @param value any number
     * @return the text
     */
    public static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : Double.toString(value);
    }

    /**
     * Checks, before any work, that the file in a flag can be written.
     *
     * @param flag its name
     * @param file its value
     * @throws ConfigException if the folder is missing or cannot be written to, or the file is a folder
     */
    public static void requireWritable(String flag, Path file) {
        Path parent = file.toAbsolutePath().normalize().getParent();
        if (parent == null || !Files.isDirectory(parent) || !Files.isWritable(parent)) {
            throw new ConfigException(flag + " " + file + ": " + parent + " is not a folder that can be written");
        }
        if (Files.isDirectory(file)) {
            throw new ConfigException(flag + " " + file + " is a folder; name a file");
        }
    }

    private static boolean isJvmEnding() {
        Thread probe = Thread.ofPlatform().unstarted(() -> {});
        try {
            Runtime.getRuntime().addShutdownHook(probe);
            return !Runtime.getRuntime().removeShutdownHook(probe);
        } catch (IllegalStateException e) {
            return true;
        }
    }

    /**
     * Parses arguments into the flags object.
     *
     * @param args the arguments
     * @return whether to continue; false after {@code --help}, which was printed to stdout
     * @throws ConfigException on an unknown flag (the message names what it is called here, or a flag that is near), a
     *     missing or bad value, a missing required flag, or a missing args file
     */
    public boolean parse(String... args) {
        JCommander parser = parser();
        Map<String, ParameterDescription> known = known(parser);
        List<String> tokens = new ArrayList<>();
        collect(Arrays.asList(args), known, parser.getMainParameterValue() != null, tokens, new HashSet<>());
        if (tokens.contains(HELP)) {
            System.out.print(usage());
            return false;
        }
        requireAll(known, tokens);
        try {
            parser.parse(tokens.toArray(String[]::new));
        } catch (ParameterException e) {
            throw new ConfigException(e.getMessage().replace("\"", "") + "; " + seeHelp(), e);
        }
        return true;
    }

    /**
     * Finds the value of a flag without parsing the others' values: for flags on which the defaults of others depend.
     *
     * @param flag its name
     * @param args the arguments
     * @return the last value that is given; empty where the flag is left out
     * @throws ConfigException on an unknown flag, or a missing value or args file
     */
    public Optional<String> find(String flag, String... args) {
        JCommander parser = parser();
        List<String> tokens = new ArrayList<>();
        collect(Arrays.asList(args), known(parser), parser.getMainParameterValue() != null, tokens, new HashSet<>());
        int last = tokens.subList(0, Math.max(0, tokens.size() - 1)).lastIndexOf(flag);
        return last < 0 ? Optional.empty() : Optional.of(tokens.get(last + 1));
    }

    /**
     * The text of {@code --help}.
     *
     * @return the command, what it does, and every flag with its meaning and default
     */
    public String usage() {
        JCommander fresh = parser();
        StringBuilder text = new StringBuilder(program + " — " + summary + "\n\n");
        ParameterDescription main = fresh.getMainParameterValue();
        text.append("usage: ").append(program).append(" [@FILE] [flags]");
        text.append(main == null ? "\n\n" : " " + main.getDescription() + "\n\n");
        for (ParameterDescription flag : ordered(fresh)) {
            if (flag.getParameterAnnotation().hidden()) {
                continue;
            }
            String value = isSwitch(flag) ? "" : " " + placeholder(flag);
            text.append("  ").append(flag.getNames()).append(value).append('\n');
            text.append("      ").append(flag.getDescription());
            if (flag.getParameterAnnotation().required()) {
                text.append(" (required)");
            } else if (!isSwitch(flag) && !defaultOf(flag).isEmpty()) {
                text.append(" (default ").append(defaultOf(flag)).append(')');
            }
            text.append('\n');
        }
        return text.append("  ")
                .append(HELP)
                .append("\n      Print this text\n")
                .toString();
    }

    /**
     * The resolved flags, as an args file that repeats the command: one flag a line, defaults included.
     *
     * <p>Hidden flags, switches that are off, and empty values whose default is empty are left out.
     *
     * @return lines in the syntax of {@code @FILE}, each ended by a line feed
     */
    public String toArgs() {
        return toArgs(Map.of());
    }

    /**
     * The same, with values that were decided after parsing.
     *
     * @param decided by the longest name of the flag, the first of them where several are as long
     * @return lines in the syntax of {@code @FILE}, each ended by a line feed
     */
    public String toArgs(Map<String, String> decided) {
        StringBuilder text = new StringBuilder();
        for (ParameterDescription flag : ordered(parser())) {
            Object parsed = flag.getParameterized().get(flag.getObject());
            Object value = decided.containsKey(flag.getLongestName()) ? decided.get(flag.getLongestName()) : parsed;
            if (flag.getParameterAnnotation().hidden() || value == null) {
                continue;
            }
            if (isSwitch(flag)) {
                text.append((Boolean) value ? flag.getLongestName() + "\n" : "");
            } else {
                Collection<?> values = value instanceof Collection<?> list ? list : List.of(value);
                for (Object each : values) {
                    if (!isEmpty(each) || !defaultOf(flag).isEmpty()) {
                        String line = flag.getLongestName() + " " + ArgsFile.quote(each.toString());
                        text.append(line).append('\n');
                    }
                }
            }
        }
        return text.toString();
    }

    /**
     * Writes tokens as an args file.
     *
     * @param tokens as on a command line
     * @return lines in the syntax of {@code @FILE}, one flag a line
     */
    public static String argsFile(List<String> tokens) {
        StringBuilder text = new StringBuilder();
        for (String token : tokens) {
            boolean beginsLine = text.isEmpty() || token.startsWith("--") || token.startsWith("@");
            text.append(text.isEmpty() ? "" : beginsLine ? "\n" : " ").append(ArgsFile.quote(token));
        }
        return text.append('\n').toString();
    }

    private JCommander parser() {
        JCommander parser = JCommander.newBuilder()
                .addObject(flags)
                .expandAtSign(false)
                .allowParameterOverwriting(true)
                .build();
        parser.createDescriptions();
        return parser;
    }

    /** Reads args files, splits {@code --flag=value}, and checks that every flag is known and has its value. */
    private void collect(
            List<String> args,
            Map<String, ParameterDescription> known,
            boolean takesArgument,
            List<String> tokens,
            Set<Path> openFiles) {
        for (int i = 0; i < args.size(); i++) {
            String arg = args.get(i);
            int equals = arg.indexOf('=');
            ParameterDescription flag = known.get(arg);
            if (flag != null && isSwitch(flag)) {
                // JCommander would turn off a switch that is given twice.
                if (!tokens.contains(arg)) {
                    tokens.add(arg);
                }
            } else if (flag != null) {
                if (i + 1 >= args.size() || known.containsKey(args.get(i + 1))) {
                    throw new ConfigException(arg + " needs a value: " + flag.getDescription() + "; " + seeHelp());
                }
                tokens.add(arg);
                tokens.add(args.get(++i));
            } else if (equals > 0 && known.containsKey(arg.substring(0, equals))) {
                tokens.add(arg.substring(0, equals));
                tokens.add(arg.substring(equals + 1));
            } else if (arg.startsWith("@")) {
                Path file = Path.of(arg.substring(1));
                if (!openFiles.add(file.toAbsolutePath().normalize())) {
                    throw new ConfigException(arg + " includes itself; remove that line from " + file);
                }
                collect(ArgsFile.read(file), known, takesArgument, tokens, openFiles);
                openFiles.remove(file.toAbsolutePath().normalize());
            } else if (arg.equals(HELP) || arg.equals("-h")) {
                tokens.add(HELP);
            } else if (arg.startsWith("-")) {
                throw unknown(arg, known.keySet());
            } else if (takesArgument) {
                tokens.add(arg);
            } else {
                throw new ConfigException("unexpected argument '" + arg + "': flags begin with --; " + seeHelp());
            }
        }
    }

    private ConfigException unknown(String arg, Set<String> known) {
        String name = arg.indexOf('=') > 0 ? arg.substring(0, arg.indexOf('=')) : arg;
        String message = UnknownFlag.message(name, known);
        return new ConfigException(message + (message.endsWith("?") ? " " : "; ") + seeHelp());
    }

    private void requireAll(Map<String, ParameterDescription> known, List<String> tokens) {
        for (ParameterDescription flag : new HashSet<>(known.values())) {
            boolean given = Arrays.stream(flag.getParameter().names()).anyMatch(tokens::contains);
            if (flag.getParameterAnnotation().required() && !given) {
                throw new ConfigException(
                        flag.getLongestName() + " is missing: " + flag.getDescription() + "; " + seeHelp());
            }
        }
    }

    private String defaultOf(ParameterDescription flag) {
        return defaults.get(flag.getLongestName());
    }

    private String seeHelp() {
        return "see " + program + " " + HELP;
    }

    private static Map<String, ParameterDescription> known(JCommander parser) {
        Map<String, ParameterDescription> known = new LinkedHashMap<>();
        for (ParameterDescription flag : ordered(parser)) {
            for (String name : flag.getParameter().names()) {
                known.put(name, flag);
            }
        }
        return known;
    }

    private static List<ParameterDescription> ordered(JCommander parser) {
        List<ParameterDescription> sorted = new ArrayList<>(parser.getParameters());
        sorted.sort(Comparator.comparingInt((ParameterDescription flag) ->
                        flag.getParameterAnnotation().order())
                .thenComparing(ParameterDescription::getLongestName));
        return sorted;
    }

    private static boolean isSwitch(ParameterDescription flag) {
        Class<?> type = flag.getParameterized().getType();
        return (type == boolean.class || type == Boolean.class)
                && flag.getParameterAnnotation().arity() <= 0;
    }

    private static String placeholder(ParameterDescription flag) {
        String placeholder = flag.getParameterAnnotation().placeholder();
        if (!placeholder.isEmpty()) {
            return placeholder;
        }
        Class<?> type = flag.getParameterized().getType();
        return type.isEnum() ? Arrays.toString(type.getEnumConstants()).replace(", ", "|") : "VALUE";
    }

    private static boolean isEmpty(Object value) {
        return value == null || value.toString().isEmpty() || value instanceof Collection<?> list && list.isEmpty();
    }
}
