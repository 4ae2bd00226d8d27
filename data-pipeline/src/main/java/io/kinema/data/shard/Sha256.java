package io.kinema.data.shard;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of files and bytes, in lower-case hex. */
public final class Sha256 {
    private static final int CHUNK_BYTES = 1 << 16;

    private Sha256() {}

    /**
     * Digests bytes.
     *
     * @param bytes what to digest
     * @return the digest in hex
     */
    public static String of(byte[] bytes) {
        return HexFormat.of().formatHex(digest().digest(bytes));
    }

    /**
     * Hashes a text to a number: the first 32 bits of the digest of its UTF-8.
     *
     * @param text what to digest
     * @return 0 to 2³² − 1
     */
    public static long word(String text) {
        return Long.parseLong(of(text.getBytes(StandardCharsets.UTF_8)).substring(0, 8), 16);
    }

    /**
     * Digests everything that is left in a stream.
     *
     * @param in the stream; it stays open
     * @return the digest in hex
     * @throws IOException if the stream cannot be read
     */
    public static String of(InputStream in) throws IOException {
        MessageDigest digest = digest();
        byte[] chunk = new byte[CHUNK_BYTES];
        for (int numRead = in.read(chunk); numRead >= 0; numRead = in.read(chunk)) {
            digest.update(chunk, 0, numRead);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Begins a digest.
     *
     * @return a digest of no bytes so far
     */
    public static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
