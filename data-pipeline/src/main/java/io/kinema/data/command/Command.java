package io.kinema.data.command;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A command of a program. The program's first argument names the command.
 *
 * @param name as the user types it
 * @param body the command's code
 */
public record Command(String name, Body body) {
    /** A command's code. */
    @FunctionalInterface
    public interface Body {
        /**
         * Runs the command.
         *
         * @param args the arguments after its name
         * @return the exit code
         * @throws Exception if it fails; {@link CommandLine#run} reports it
         */
        int run(String... args) throws Exception;
    }

    /**
     * Runs the command that the first argument names; {@code --help} prints how the program is used.
     *
     * @param program as the user types it, for messages
     * @param usage the text of {@code --help}
     * @param commands in the order in which messages name them
     * @param args the program's arguments
     * @return the exit code
     * @throws ConfigException if the command is missing or unknown; the message lists the known commands
     * @throws Exception if the command fails
     */
    public static int run(String program, String usage, List<Command> commands, String... args) throws Exception {
        String first = args.length == 0 ? "" : args[0];
        if (Set.of("--help", "-h").contains(first)) {
            System.out.print(usage);
            return 0;
        }
        for (Command command : commands) {
            if (command.name.equals(first)) {
                return command.body.run(Arrays.copyOfRange(args, 1, args.length));
            }
        }
        String others = commands.subList(0, commands.size() - 1).stream()
                .map(Command::name)
                .collect(Collectors.joining(", "));
        throw new ConfigException((first.isEmpty() ? "no command given" : "unknown command '" + first + "'") + "; use "
                + others + " or " + commands.getLast().name + ", see " + program + " --help");
    }
}
