package io.kinema.data.shard;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.util.HexFormat;

/** Counts and digests the bytes that are written. */
final class DigestingOutput extends FilterOutputStream {
    private final MessageDigest digest = Sha256.digest();
    private long numBytes;

    DigestingOutput(OutputStream out) {
        super(out);
    }

    @Override
    public void write(int value) throws IOException {
        out.write(value);
        digest.update((byte) value);
        numBytes++;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        digest.update(bytes, offset, length);
        numBytes += length;
    }

    long numBytes() {
        return numBytes;
    }

    /** SHA-256 in hex of all bytes; call it once, at the end. */
    String sha256() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
