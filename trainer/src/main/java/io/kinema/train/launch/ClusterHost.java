package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.TextFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A host of a run.
 *
 * @param name by which it is reached, {@code user@} before it where that is needed
 * @param slots how many ranks it takes, at least 1
 * @param reach how its part of the launcher is started there
 */
record ClusterHost(String name, int slots, Reach reach) {
    /** How a host's part of the launcher is started. */
    enum Reach {
        /** It is a thread of the launcher. */
        HERE,
        SSH,
        SRUN,
        /** Whoever starts it is none of the launcher's business; it joins. */
        ITSELF
    }

    private static final Pattern SLOTS = Pattern.compile("slots=(\\d{1,5})");
    /** Not a flag of ssh, nor anything that a shell could take for more than a word. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.@:%-]*");

    /** In words, for messages. */
    String inWords() {
        return reach == Reach.ITSELF ? name : "host " + name;
    }

    /**
     * Reads a file of hosts: a line each, {@code name slots=4}, one slot where none are given; {@code #} begins a
     * comment.
     *
     * @throws ConfigException when the file is not there, or a line is not of that form
     */
    static List<ClusterHost> read(Path file) {
        if (Files.isDirectory(file) || Files.notExists(file)) {
            throw new ConfigException("--hosts " + file
                    + " cannot be read (no such file); name a file with a line `host slots=4` a host");
        }
        List<String> lines = TextFile.lines("--hosts", file);
        List<ClusterHost> hosts = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).replaceFirst("#.*", "").strip();
            if (!line.isEmpty()) {
                ClusterHost host = parse(line, file + " line " + (i + 1));
                if (!names.add(host.name)) {
                    throw new ConfigException(file + " line " + (i + 1) + ": " + host.name
                            + " is there twice; give it one line with all its slots");
                }
                hosts.add(host);
            }
        }
        if (hosts.isEmpty()) {
            throw new ConfigException("--hosts " + file + " names no host; write a line `host slots=4` for each");
        }
        return hosts;
    }

    private static ClusterHost parse(String line, String where) {
        String[] words = line.split("\\s+");
        Matcher slots = SLOTS.matcher(words.length > 1 ? words[1] : "slots=1");
        if (!NAME.matcher(words[0]).matches()
                || words.length > 2
                || !slots.matches()
                || Integer.parseInt(slots.group(1)) == 0) {
            throw new ConfigException(where + ": '" + line
                    + "' is not of the form `host slots=4` with at least one slot; correct that line");
        }
        return new ClusterHost(
                words[0], Integer.parseInt(slots.group(1)), HostAddress.isThisHost(words[0]) ? Reach.HERE : Reach.SSH);
    }
}
