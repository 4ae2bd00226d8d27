package io.kinema.train.dist.collective;

import io.aeron.Aeron;
import io.aeron.CncFileDescriptor;
import io.aeron.CommonContext;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.rendezvous.Departures;
import io.kinema.train.dist.rendezvous.Membership;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.SharedRing;
import io.kinema.train.dist.transport.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A rank's Aeron client, its inbox, its link to each peer and its seat in the run.
 *
 * <p>Streams of a rank's inbox carry the number {@link #streamId}. The client's conductor thread keeps the rank alive
 * in the driver's eyes while it computes.
 */
final class Wiring implements AutoCloseable {
    private static final int FIRST_STREAM = 1_000;
    private static final long ENDPOINT_POLL_NANOS = 1_000_000;

    private final Aeron aeron;
    private final AtomicReference<Throwable> clientError;
    private final Membership membership;
    private final World world;
    private final long run;
    private final Inbox inbox;
    private final List<PeerLink> links;

    private Wiring(Opening opening, World world, long run) {
        aeron = opening.aeron;
        clientError = opening.clientError;
        membership = opening.membership;
        inbox = opening.inbox;
        links = List.copyOf(opening.links);
        this.world = world;
        this.run = run;
    }

    static int streamId(int rank) {
        return FIRST_STREAM + rank;
    }

    /** Joins the run and opens all streams. */
    static Wiring open(RankIdentity identity, CollectivesConfig config) throws IOException {
        Opening opening = new Opening();
        try {
            return opening.open(identity, config);
        } catch (IOException | RuntimeException e) {
            opening.close();
            throw e;
        }
    }

    World world() {
        return world;
    }

    long run() {
        return run;
    }

    Inbox inbox() {
        return inbox;
    }

    Departures departures() {
        return membership.departures();
    }

    /** The link to a peer; links skip this rank itself. */
    PeerLink link(int peer) {
        return links.get(peer < world.rank() ? peer : peer - 1);
    }

    void checkDriver(String where) {
        Throwable error = clientError.get();
        if (error != null || aeron.isClosed()) {
            throw new CollectiveException(
                    "rank " + world.rank() + " lost its host's media driver in " + where + ": "
                            + (error == null ? "the client was closed" : error.getMessage()),
                    error);
        }
    }

    /** The first 8 bytes of the run id's SHA-256: what stands for the run in every frame. */
    static long runHash(String runId) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(runId.getBytes(StandardCharsets.UTF_8));
            return ByteBuffer.wrap(digest).getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public void close() throws IOException {
        links.forEach(PeerLink::close);
        inbox.close();
        aeron.close();
        membership.close();
    }

    /** The parts while they are opened one after the other, so that a failure closes those that there are. */
    private static final class Opening {
        private final AtomicReference<Throwable> clientError = new AtomicReference<>();
        private final List<PeerLink> links = new ArrayList<>();
        private final List<Subscription> subscriptions = new ArrayList<>();
        private Membership membership;
        private Aeron aeron;
        private Inbox inbox;

        Wiring open(RankIdentity identity, CollectivesConfig config) throws IOException {
            membership = Membership.connect(config.rendezvous(), config.secret(), config.joinDeadline());
            connectDriver(identity, config);
            int streamId = streamId(identity.rank());
            if (config.transport() != Transport.UDP) {
                subscriptions.add(aeron.addSubscription(CommonContext.IPC_CHANNEL, streamId));
            }
            String udpEndpoint = "";
            if (config.transport() != Transport.IPC) {
                Subscription udp = aeron.addSubscription(
                        "aeron:udp?endpoint=" + RendezvousAddress.text(membership.localAddress(), 0), streamId);
                subscriptions.add(udp);
                udpEndpoint = resolvedEndpoint(udp);
            }
            String host = membership.localAddress().getHostAddress() + ":" + config.driverDirectory();
            World world = membership.join(identity, host, udpEndpoint);
            long run = runHash(identity.runId());
            inbox = new Inbox(world, membership.session(), run, config.driverDirectory(), subscriptions);
            for (World.Peer peer : world.peers()) {
                if (peer.rank() != world.rank()) {
                    links.add(addLink(world, peer, config));
                }
            }
            return new Wiring(this, world, run);
        }

        private void connectDriver(RankIdentity identity, CollectivesConfig config) throws IOException {
            Aeron.Context context = new Aeron.Context()
                    .aeronDirectoryName(config.driverDirectory().toString())
                    .clientName("kinema-r" + identity.rank())
                    .errorHandler(this::onClientError)
                    .threadFactory(task -> Thread.ofPlatform()
                            .daemon()
                            .name("train-r" + identity.rank() + "-aeron")
                            .unstarted(task));
            context.driverTimeoutMs(MediaDriverHost.LIVENESS.toMillis());
            if (!Files.exists(config.driverDirectory().resolve(CncFileDescriptor.CNC_FILE))) {
                throw new IOException("no media driver is running in " + config.driverDirectory()
                        + "; it is started by the launcher of this host");
            }
            aeron = Aeron.connect(context);
        }

        private void onClientError(Throwable error) {
            boolean isWarning =
                    error instanceof AeronException known && known.category() == AeronException.Category.WARN;
            if (!isWarning) {
                clientError.compareAndSet(null, error);
            }
        }

        private String resolvedEndpoint(Subscription udp) throws IOException {
            long endNanos = System.nanoTime() + MediaDriverHost.LIVENESS.toNanos();
            while (udp.resolvedEndpoint() == null) {
                if (System.nanoTime() > endNanos) {
                    throw new IOException("the media driver did not open " + udp.channel());
                }
                LockSupport.parkNanos(ENDPOINT_POLL_NANOS);
            }
            return udp.resolvedEndpoint();
        }

        private PeerLink addLink(World world, World.Peer peer, CollectivesConfig config) throws IOException {
            Transport transport = config.transport();
            World.Peer self = world.peers().get(world.rank());
            boolean isSameHost = peer.host().equals(self.host());
            if (transport == Transport.IPC && !isSameHost) {
                throw new ConfigException("--transport ipc, but rank " + peer.rank() + " is on another host than rank "
                        + self.rank() + " (" + peer.host() + ", " + self.host() + "); use --transport auto");
            }
            boolean isShared = isSameHost && transport != Transport.UDP;
            String channel = isShared ? CommonContext.IPC_CHANNEL : "aeron:udp?endpoint=" + peer.udpEndpoint();
            ExclusivePublication publication = aeron.addExclusivePublication(channel, streamId(peer.rank()));
            FrameTag tag = FrameTag.of(membership.session(), self.rank(), peer.rank());
            if (isShared) {
                SharedRing ring = SharedRing.create(
                        SharedRing.file(config.driverDirectory(), runHash(world.runId()), world.rank(), peer.rank()));
                return new RingLink(peer.rank(), publication, ring, tag);
            }
            return new PeerLink(peer.rank(), publication, MediaDriverHost.MIN_UDP_WINDOW_BYTES, tag);
        }

        void close() throws IOException {
            if (aeron != null) {
                aeron.close();
            }
            if (membership != null) {
                membership.close();
            }
        }
    }
}
