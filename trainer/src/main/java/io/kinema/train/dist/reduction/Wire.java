package io.kinema.train.dist.reduction;

import io.kinema.data.command.ConfigException;
import java.util.Locale;

/** What gradients travel as between ranks. They are added in fp32 whatever it is. */
public enum Wire {
    /** As they are. */
    FP32(Float.BYTES),
    /**
     * The upper half of fp32, rounded to the nearest, of two equally near ones to the even: half the bytes, an error of
     * at most 2⁻⁸ of each value that travels.
     */
    BF16(Short.BYTES);

    private final int bytes;

    Wire(int bytes) {
        this.bytes = bytes;
    }

    /**
     * Reads the flag {@code --wire}.
     *
     * @param flag as given
     * @return what it names
     * @throws ConfigException when it names none
     */
    public static Wire parse(String flag) {
        return switch (flag) {
            case "fp32" -> FP32;
            case "bf16" -> BF16;
            default -> throw new ConfigException("--wire " + flag + " is unknown; use fp32 or bf16");
        };
    }

    /**
     * Returns what the flag calls it.
     *
     * @return {@code fp32} or {@code bf16}
     */
    public String flag() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Bytes of a value. */
    int bytes() {
        return bytes;
    }
}
