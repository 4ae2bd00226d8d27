package io.kinema.train.dist.rendezvous;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import javax.crypto.Mac;

/**
 * Reads the records of {@link TaggedOutput} and gives their bytes, none before the record's tag has been found right.
 */
final class TaggedInput extends InputStream {
    /** More than the longest message, and little enough to be read before it is known whose it is. */
    private static final int MAX_RECORD_BYTES = 32 << 20;

    private final DataInputStream in;
    private final Mac mac;
    private byte[] record = {};
    private int position;
    private long numRecords;

    TaggedInput(InputStream in, Secret key) {
        this.in = new DataInputStream(in);
        mac = key.mac();
    }

    @Override
    public int read() throws IOException {
        return hasBytes() ? Byte.toUnsignedInt(record[position++]) : -1;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (!hasBytes()) {
            return -1;
        }
        int count = Math.min(length, record.length - position);
        System.arraycopy(record, position, bytes, offset, count);
        position += count;
        return count;
    }

    /**
     * Whether there are bytes of a record left, after the next one was read where there were none; false at the end.
     */
    private boolean hasBytes() throws IOException {
        if (position < record.length) {
            return true;
        }
        int first = in.read();
        if (first < 0) {
            return false;
        }
        int length = first << 24 | in.readUnsignedByte() << 16 | in.readUnsignedShort();
        if (length <= 0 || length > MAX_RECORD_BYTES) {
            throw wrong();
        }
        byte[] bytes = readFully(length);
        byte[] tag = readFully(Secret.DERIVED_BYTES);
        if (!MessageDigest.isEqual(tag, TaggedOutput.tag(mac, numRecords, bytes))) {
            throw wrong();
        }
        record = bytes;
        position = 0;
        numRecords++;
        return true;
    }

    private byte[] readFully(int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the connection ended within a record");
        }
        return bytes;
    }

    private IOException wrong() {
        return new IOException("record " + numRecords
                + " of the connection does not have the tag of this run: it was changed on its way, or"
                + " another process has sent it");
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
