package io.kinema.train.dist.rendezvous;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What ranks and the rendezvous server say to each other over TCP; integers are big-endian, strings are
 * {@link DataOutputStream#writeUTF}'s.
 *
 * <pre>
 * both            {@link Handshake}
 * rank → server   run id, rank int, world size int, count int, (name, value) of what must be equal on all ranks,
 *                 host, UDP endpoint
 * server → rank   one of
 *                   WORLD byte, session nonce of 32 bytes, world size int, (host, UDP endpoint) of each rank
 *                   REFUSED byte, reason         the rank's own mistake
 *                   FAILED byte, reason          the world did not come together
 * then, until the run ends,
 * rank → server   GOODBYE byte
 * server → rank   LEFT byte, rank int | CRASHED byte, rank int
 * </pre>
 */
public final class RendezvousWire {
    /** What makes the tags of frames differ from those of every other start of the ranks. */
    public static final int SESSION_NONCE_BYTES = 32;

    static final byte WORLD = 1;
    static final byte REFUSED = 2;
    static final byte FAILED = 3;
    static final byte GOODBYE = 4;
    static final byte LEFT = 5;
    static final byte CRASHED = 6;

    private static final int MOST_COMMON = 1_000;

    private RendezvousWire() {}

    /**
     * A rank's request to join.
     *
     * @param identity who it says it is
     * @param host ranks of equal host share a media driver
     * @param udpEndpoint host:port that it receives on
     */
    record Join(RankIdentity identity, String host, String udpEndpoint) {}

    static void writeJoin(DataOutputStream out, Join join) throws IOException {
        out.writeUTF(join.identity().runId());
        out.writeInt(join.identity().rank());
        out.writeInt(join.identity().worldSize());
        out.writeInt(join.identity().common().size());
        for (Map.Entry<String, String> each : join.identity().common().entrySet()) {
            out.writeUTF(each.getKey());
            out.writeUTF(each.getValue());
        }
        out.writeUTF(join.host());
        out.writeUTF(join.udpEndpoint());
        out.flush();
    }

    static Join readJoin(DataInputStream in) throws IOException {
        String runId = in.readUTF();
        int rank = in.readInt();
        int worldSize = in.readInt();
        int numCommon = in.readInt();
        if (numCommon < 0 || numCommon > MOST_COMMON) {
            throw new RendezvousException("a rank announces " + numCommon + " values, at most " + MOST_COMMON
                    + " are allowed; start all from one build");
        }
        Map<String, String> common = new LinkedHashMap<>();
        for (int i = 0; i < numCommon; i++) {
            common.put(in.readUTF(), in.readUTF());
        }
        return new Join(new RankIdentity(rank, worldSize, runId, common), in.readUTF(), in.readUTF());
    }

    static void writeReason(DataOutputStream out, byte kind, String reason) throws IOException {
        out.writeByte(kind);
        out.writeUTF(reason);
        out.flush();
    }

    static void writeWorld(DataOutputStream out, byte[] sessionNonce, List<World.Peer> peers) throws IOException {
        out.writeByte(WORLD);
        out.write(sessionNonce);
        out.writeInt(peers.size());
        for (World.Peer peer : peers) {
            out.writeUTF(peer.host());
            out.writeUTF(peer.udpEndpoint());
        }
        out.flush();
    }

    /** Reads what follows the session nonce. */
    static List<World.Peer> readPeers(DataInputStream in, int expected) throws IOException {
        int worldSize = in.readInt();
        if (worldSize != expected) {
            throw new RendezvousException("the rendezvous sent " + worldSize + " ranks, expected " + expected);
        }
        List<World.Peer> peers = new ArrayList<>();
        for (int r = 0; r < worldSize; r++) {
            peers.add(new World.Peer(r, in.readUTF(), in.readUTF()));
        }
        return peers;
    }
}
