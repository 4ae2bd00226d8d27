package io.kinema.train.dist.process;

import java.util.List;
import java.util.Map;

/**
 * How the process of one rank is started.
 *
 * @param command program and arguments
 * @param environment variables to set beside those of the launcher
 */
public record RankCommand(List<String> command, Map<String, String> environment) {
    /** Copies both. */
    public RankCommand {
        command = List.copyOf(command);
        environment = Map.copyOf(environment);
    }
}
