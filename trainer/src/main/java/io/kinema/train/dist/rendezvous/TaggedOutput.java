package io.kinema.train.dist.rendezvous;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import javax.crypto.Mac;

/**
 * Sends what is written between two flushes as one record: its length as an int (big-endian), its bytes, and an
 * HMAC-SHA256 of the number of records before it as a long, the length and the bytes. {@link TaggedInput} reads it.
 * Used by one thread at a time.
 */
final class TaggedOutput extends OutputStream {
    private final DataOutputStream out;
    private final Mac mac;
    private final ByteArrayOutputStream record = new ByteArrayOutputStream();
    private long numRecords;

    TaggedOutput(OutputStream out, Secret key) {
        this.out = new DataOutputStream(out);
        mac = key.mac();
    }

    @Override
    public void write(int value) {
        record.write(value);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        record.write(bytes, offset, length);
    }

    @Override
    public void flush() throws IOException {
        if (record.size() > 0) {
            byte[] bytes = record.toByteArray();
            record.reset();
            byte[] tag = tag(mac, numRecords++, bytes);
            // In one piece, so that it goes out in one packet.
            out.write(ByteBuffer.allocate(Integer.BYTES + bytes.length + tag.length)
                    .putInt(bytes.length)
                    .put(bytes)
                    .put(tag)
                    .array());
            out.flush();
        }
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    static byte[] tag(Mac mac, long number, byte[] bytes) {
        mac.update(ByteBuffer.allocate(Long.BYTES + Integer.BYTES)
                .putLong(number)
                .putInt(bytes.length)
                .flip());
        return mac.doFinal(bytes);
    }
}
