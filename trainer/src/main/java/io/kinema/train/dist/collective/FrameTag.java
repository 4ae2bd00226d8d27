package io.kinema.train.dist.collective;

import io.kinema.train.dist.rendezvous.Secret;
import java.security.MessageDigest;
import javax.crypto.Mac;
import javax.crypto.ShortBufferException;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/**
 * What shows that a frame comes from the rank that it names, was meant for the one that reads it, and belongs to this
 * start of the run: the first 16 bytes of an HMAC-SHA256 of header and payload, by a key of its own for each direction
 * between two ranks (HMAC-SHA-256-128: RFC 4868, section 2.3; RFC 2104, section 5, and NIST SP 800-107, section 5.3.3,
 * allow the truncation). They are behind the payload. Without a secret there are none. Used by one thread.
 */
final class FrameTag {
    static final int BYTES = 16;

    /** Null without a secret. */
    private final Mac mac;

    private final byte[] computed = new byte[Secret.DERIVED_BYTES];
    private final byte[] found = new byte[Secret.DERIVED_BYTES];

    private FrameTag(Secret key) {
        mac = key.isNone() ? null : key.mac();
    }

    /** Of frames from a rank to another; the session's secret is fresh at each start of the ranks. */
    static FrameTag of(Secret session, int from, int to) {
        return new FrameTag(session.derive("frames of rank " + from + " to rank " + to));
    }

    /** What a frame is longer by; 0 without a secret. */
    int bytes() {
        return mac == null ? 0 : BYTES;
    }

    /** Writes the tag behind so many bytes of a frame. */
    void write(MutableDirectBuffer buffer, int offset, int length) {
        if (mac != null) {
            compute(buffer, offset, length);
            buffer.putBytes(offset + length, computed, 0, BYTES);
        }
    }

    /** Whether the tag behind so many bytes of a frame is theirs; true without a secret. */
    boolean isRight(DirectBuffer buffer, int offset, int length) {
        if (mac == null) {
            return true;
        }
        compute(buffer, offset, length);
        System.arraycopy(computed, 0, found, 0, found.length);
        buffer.getBytes(offset + length, found, 0, BYTES);
        // In a time that does not tell how many bytes are right; those that are not sent are equal.
        return MessageDigest.isEqual(computed, found);
    }

    private void compute(DirectBuffer buffer, int offset, int length) {
        try {
            mac.update(Frame.bytes(buffer, offset, length));
            mac.doFinal(computed, 0);
        } catch (ShortBufferException e) {
            throw new IllegalStateException("an HMAC-SHA256 has " + Secret.DERIVED_BYTES + " bytes", e);
        }
    }
}
