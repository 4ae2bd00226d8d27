package io.kinema.train.dist.process;

import io.kinema.train.dist.rendezvous.Handshake;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * What a launcher and the hosts of its ranks say to each other over TCP, after a {@link Handshake}. A message is a byte
 * for the kind, an int (big-endian), and a text: its length in bytes as an int, and that many bytes of UTF-8.
 *
 * @param kind what it is about
 * @param number a rank, a count or an exit code, as the kind says
 * @param text as the kind says; often empty
 */
public record HostMessage(MessageKind kind, int number, String text) {
    private static final int MAX_TEXT_BYTES = 16 << 20;

    /** In the order of their bytes, from 0. */
    enum MessageKind {
        /** Host → launcher, first: its index; local rank and name, a line each. */
        HELLO,
        /** Launcher → host: it belongs; after how many seconds of silence the other is lost. */
        WELCOME,
        /** Launcher → host: why not; or, to a request, host → launcher: why it cannot. */
        REFUSED,
        /** Both ways, every second. */
        PING,
        /** Request: the run's folder, the id of this launch that lies in it, and the data set, a line each. */
        RUN,
        /** Request: start a media driver for this many ranks; the answer is its directory. */
        DRIVER,
        /** Request: use the media driver in this directory, which another host of the same machine has started. */
        SHARE_DRIVER,
        /** Request: kill the ranks, end the driver. */
        CLOSE,
        /** Host → launcher: a request is done. */
        ANSWER,
        /** Start this rank: NAME=VALUE, a line each. */
        START,
        /** SIGTERM to this rank. */
        TERMINATE,
        /** SIGKILL to this rank. */
        KILL,
        /** The stacks of this rank: asked for, and told. */
        STACKS,
        /** Host → launcher: the exit code is the text. */
        EXITED,
        /** Host → launcher: the host was told to stop, by the signal of this name. */
        SIGNAL,
        /** Launcher → host: exit with this code. */
        DONE
    }

    private static final MessageKind[] KINDS = MessageKind.values();

    void writeTo(DataOutputStream out) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeByte(kind.ordinal());
        out.writeInt(number);
        out.writeInt(bytes.length);
        out.write(bytes);
        out.flush();
    }

    static HostMessage readFrom(DataInputStream in) throws IOException {
        int kind = in.readUnsignedByte();
        int number = in.readInt();
        int length = in.readInt();
        if (kind >= KINDS.length || length < 0 || length > MAX_TEXT_BYTES) {
            throw new IOException("kind " + kind + " with " + length
                    + " bytes of text is no message between launcher and host; start all from one build");
        }
        return new HostMessage(KINDS[kind], number, new String(in.readNBytes(length), StandardCharsets.UTF_8));
    }
}
