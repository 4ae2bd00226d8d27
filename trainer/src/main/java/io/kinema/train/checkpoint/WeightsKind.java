package io.kinema.train.checkpoint;

import io.kinema.data.command.ConfigException;

/** Which weights of a checkpoint, {@code --weights}. */
public enum WeightsKind {
    /** Their moving average. */
    EMA("ema", Checkpoint.EMA),
    /** As trained last. */
    MODEL("model", Checkpoint.MODEL);

    private final String flag;
    private final String file;

    WeightsKind(String flag, String file) {
        this.flag = flag;
        this.file = file;
    }

    /**
     * Reads a name.
     *
     * @param name as in {@code --weights}
     * @return the kind
     * @throws ConfigException when there is none of that name
     */
    public static WeightsKind parse(String name) {
        return switch (name) {
            case "ema" -> EMA;
            case "model" -> MODEL;
            default -> throw new ConfigException("--weights " + name + " is not known; use ema or model");
        };
    }

    String flag() {
        return flag;
    }

    /**
     * Returns its file in a checkpoint.
     *
     * @return a file name
     */
    public String file() {
        return file;
    }
}
