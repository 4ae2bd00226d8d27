package io.kinema.data.command;

import java.nio.file.Files;
import java.nio.file.Path;

/** Files that a command writes. */
public final class OutputFile {
    private OutputFile() {}

    /**
     * Checks, before any work, that the file in a flag can be written and that no other is lost by it.
     *
     * @param flag its name
     * @param file its value
     * @param force whether an older file may be replaced, {@code --force}
     * @throws ConfigException as {@link CommandLine#requireWritable}, and where there is an older file and no force
     */
    public static void requireNew(String flag, Path file, boolean force) {
        CommandLine.requireWritable(flag, file);
        if (Files.exists(file) && !force) {
            throw new ConfigException(flag + " " + file + " is there already; choose another name, or give --force");
        }
    }
}
