package io.kinema.train.dist.rendezvous;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What the processes of a run know and others do not: the key of what they prove and tag. It is never sent, and never
 * printed.
 */
public final class Secret {
    /** Of a run that has none: nothing is proved, nothing is tagged. */
    public static final Secret NONE = new Secret(new byte[0]);

    /** Bytes of what {@link #derive} gives: an HMAC-SHA256. */
    public static final int DERIVED_BYTES = 32;

    private static final String ALGORITHM = "HmacSHA256";

    private final byte[] key;

    private Secret(byte[] key) {
        this.key = key;
    }

    /**
     * Makes a secret of 32 random bytes.
     *
     * @return a new one
     */
    public static Secret random() {
        return new Secret(randomBytes(DERIVED_BYTES));
    }

    /** Bytes that nobody can foresee. */
    static byte[] randomBytes(int count) {
        byte[] bytes = new byte[count];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    /**
     * Makes a secret of given bytes.
     *
     * @param bytes of any length; none are {@link #NONE}
     * @return the secret
     */
    public static Secret of(byte[] bytes) {
        return bytes.length == 0 ? NONE : new Secret(bytes.clone());
    }

    /**
     * Reads what {@link #toHex} has written.
     *
     * @param hex two digits a byte; none are {@link #NONE}
     * @return the secret
     * @throws IllegalArgumentException when it is something else
     */
    public static Secret ofHex(String hex) {
        return of(HexFormat.of().parseHex(hex));
    }

    /**
     * Writes the secret for a pipe to another process of the run.
     *
     * @return two digits a byte; empty for {@link #NONE}
     */
    public String toHex() {
        return HexFormat.of().formatHex(key);
    }

    /**
     * Returns whether there is no secret.
     *
     * @return true for {@link #NONE}
     */
    public boolean isNone() {
        return key.length == 0;
    }

    /**
     * Derives a secret for one purpose, of which neither this nor that for another purpose can be found out: an
     * HMAC-SHA256 of the purpose's name, a zero byte, and each of the parts behind its length. Of none it is none.
     *
     * @param purpose what the derived secret is for
     * @param parts what it is bound to
     * @return another secret; none where this is none
     */
    public Secret derive(String purpose, byte[]... parts) {
        if (isNone()) {
            return this;
        }
        Mac mac = mac();
        mac.update(purpose.getBytes(StandardCharsets.UTF_8));
        mac.update((byte) 0);
        for (byte[] part : parts) {
            mac.update(ByteBuffer.allocate(Integer.BYTES).putInt(part.length).flip());
            mac.update(part);
        }
        return new Secret(mac.doFinal());
    }

    /** The bytes of a derived secret that are sent, to prove that one knows it. */
    byte[] proof() {
        return key.clone();
    }

    /**
     * An HMAC-SHA256 with this key; for one thread at a time.
     *
     * @return a fresh one
     */
    public Mac mac() {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            return mac;
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("every JDK has " + ALGORITHM, e);
        }
    }

    /** Does not tell it. */
    @Override
    public String toString() {
        return isNone() ? "no secret" : "a secret";
    }
}
