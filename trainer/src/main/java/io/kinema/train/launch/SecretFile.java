package io.kinema.train.launch;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.run.PlaceFlags;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/** A file that holds a run's secret, as {@code --secret-file} names it. */
public final class SecretFile {
    /** How to make one, for messages. */
    static final String MAKE = "umask 077; openssl rand -hex 32 > FILE";

    private static final int LEAST_BYTES = 16;
    private static final int MOST_BYTES = 4_096;

    private SecretFile() {}

    /**
     * Reads the secret that a flag names.
     *
     * @param flag {@code --secret-file}: a file, {@value PlaceFlags#NO_SECRET}, or empty
     * @return {@link Secret#NONE} for the last two
     * @throws ConfigException when the file is not there, holds no secret, or others may read it
     */
    public static Secret ofFlag(String flag) {
        return flag.isEmpty() || flag.equals(PlaceFlags.NO_SECRET) ? Secret.NONE : read(Path.of(flag));
    }

    /**
     * Reads a file. White space before and behind does not count, so that copies with and without a line feed are the
     * same.
     *
     * @throws ConfigException as in {@link #ofFlag}
     */
    static Secret read(Path file) {
        byte[] bytes;
        try {
            requirePrivate(file);
            try (InputStream in = Files.newInputStream(file)) {
                bytes = in.readNBytes(MOST_BYTES + 1);
            }
        } catch (UnsupportedOperationException e) {
            throw new ConfigException(
                    "--secret-file " + file
                            + " is on a file system without permissions, where others may read it; move it",
                    e);
        } catch (IOException e) {
            throw new ConfigException(
                    "--secret-file " + file + " cannot be read (" + e + "); make one by `" + MAKE + "`", e);
        }
        if (bytes.length > MOST_BYTES) {
            throw new ConfigException("--secret-file " + file + " is longer than " + MOST_BYTES
                    + " bytes, so it is hardly a secret; make one by `" + MAKE + "`");
        }
        byte[] secret = strip(bytes);
        if (secret.length < LEAST_BYTES) {
            throw new ConfigException("--secret-file " + file + " "
                    + (secret.length == 0 ? "is empty" : "has " + secret.length + " bytes, fewer than " + LEAST_BYTES)
                    + "; make one by `" + MAKE + "`");
        }
        return Secret.of(secret);
    }

    private static void requirePrivate(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new ConfigException("--secret-file " + file + " is a folder; name a file, made by `" + MAKE + "`");
        }
        Set<PosixFilePermission> others = EnumSet.copyOf(Files.getPosixFilePermissions(file));
        others.retainAll(PosixFilePermissions.fromString("---rwxrwx"));
        if (!others.isEmpty()) {
            throw new ConfigException("--secret-file " + file + " is open to others than its owner ("
                    + PosixFilePermissions.toString(Files.getPosixFilePermissions(file)) + "); chmod 600 " + file);
        }
    }

    private static byte[] strip(byte[] bytes) {
        int from = 0;
        int to = bytes.length;
        while (from < to && isSpace(bytes[from])) {
            from++;
        }
        while (from < to && isSpace(bytes[to - 1])) {
            to--;
        }
        return Arrays.copyOfRange(bytes, from, to);
    }

    private static boolean isSpace(byte value) {
        return value == ' ' || value >= '\t' && value <= '\r';
    }
}
