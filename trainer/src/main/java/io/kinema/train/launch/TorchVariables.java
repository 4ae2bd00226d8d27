package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a scheduler that starts every rank itself tells each of them, in torchrun's environment variables.
 *
 * @param rank RANK, 0 … worldSize − 1
 * @param worldSize WORLD_SIZE
 * @param localRank LOCAL_RANK: how many ranks of this host are before this one; 0 if not set
 * @param localWorldSize LOCAL_WORLD_SIZE: the ranks of this host; localRank + 1 at least, that if not set
 * @param masterAddress MASTER_ADDR: where rank 0 is
 * @param masterPort MASTER_PORT: where it listens
 */
public record TorchVariables(
        int rank, int worldSize, int localRank, int localWorldSize, String masterAddress, int masterPort) {
    private static final List<String> REQUIRED = List.of("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT");
    private static final int MAX_PORT = 65_535;
    private static final int MAX_RANKS = 1 << 16;

    /**
     * Reads the variables.
     *
     * @param variables of the environment
     * @return empty when RANK is not set
     * @throws ConfigException when others are not, or do not fit
     */
    public static Optional<TorchVariables> of(Map<String, String> variables) {
        if (variables.getOrDefault("RANK", "").isEmpty()) {
            return Optional.empty();
        }
        for (String name : REQUIRED) {
            if (variables.getOrDefault(name, "").isEmpty()) {
                throw new ConfigException("RANK=" + variables.get("RANK") + " is set, " + name + " is not; set all of "
                        + String.join(", ", REQUIRED) + ", or unset RANK to start all ranks from here");
            }
        }
        int worldSize = number(variables, "WORLD_SIZE", 1, MAX_RANKS, "");
        int rank = number(variables, "RANK", 0, worldSize - 1, "");
        int localRank = number(variables, "LOCAL_RANK", 0, rank, "0");
        return Optional.of(new TorchVariables(
                rank,
                worldSize,
                localRank,
                number(variables, "LOCAL_WORLD_SIZE", localRank + 1, worldSize, Integer.toString(localRank + 1)),
                variables.get("MASTER_ADDR"),
                number(variables, "MASTER_PORT", 1, MAX_PORT, "")));
    }

    /**
     * Reads the secret of the run, which ranks on several hosts must have.
     *
     * @param flag {@code --secret-file}
     * @throws ConfigException when there is none and other hosts have to reach rank 0, or when it cannot be read
     */
    Secret secret(String flag) {
        if (worldSize > 1 && flag.isEmpty() && !HostAddress.isLoopback(masterAddress)) {
            throw new ConfigException("MASTER_ADDR=" + masterAddress
                    + " is reached from other hosts, so ranks need a secret by which they know each other: make"
                    + " a file by `"
                    + SecretFile.MAKE
                    + "`, the same on every host, and give --secret-file FILE; --secret-file none does without");
        }
        return SecretFile.ofFlag(flag);
    }

    private static int number(Map<String, String> variables, String name, int least, int most, String absent) {
        String text = variables.getOrDefault(name, "");
        try {
            int number = Integer.parseInt(text.isEmpty() ? absent : text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw new ConfigException(name + "=" + text + " is not a number; correct the variable", e);
        }
        throw new ConfigException(
                name + "=" + text + " is not between " + least + " and " + most + "; correct the variable");
    }
}
