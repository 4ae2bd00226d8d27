package io.kinema.data;

import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * One of a program's commands, which the program's first argument names.
 *
 * @param name as the user types it
 * @param body what it does
 */
public record Command(String name, Body body) {
    /** What a command does. */
    @FunctionalInterface
    public interface Body {
        /**
         * Runs the command.
         *
         * @param args what follows its name
         * @return the exit code
         * @throws Exception if it fails; {@link CommandLine#run} says how that is told
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
     * @throws ConfigException if no command is named, or one that there is not (the nearest one is named)
     * @throws Exception if the command fails
     */
    public static int run(String program, String usage, List<Command> commands, String... args) throws Exception {
        List<String> names = commands.stream().map(Command::name).toList();
        if (args.length == 0) {
            String last = names.getLast();
            throw new ConfigException("no command given; use "
                    + String.join(", ", names.subList(0, names.size() - 1)) + " or " + last + ", see " + program
                    + " --help");
        }
        if (Set.of("--help", "-h").contains(args[0])) {
            System.out.print(usage);
            return 0;
        }
        int index = names.indexOf(args[0]);
        if (index < 0) {
            throw new ConfigException("unknown command '" + args[0] + "'; did you mean "
                    + CommandLine.nearest(args[0], names) + "? see " + program + " --help");
        }
        return commands.get(index).body.run(Arrays.copyOfRange(args, 1, args.length));
    }
}
