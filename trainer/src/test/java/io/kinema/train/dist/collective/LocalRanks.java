package io.kinema.train.dist.collective;

import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Runs ranks as threads of this process, over one media driver and one rendezvous. */
public final class LocalRanks implements AutoCloseable {
    static final String RUN_ID = "run-of-the-tests";

    private final int worldSize;
    private final Secret secret;
    private final MediaDriverHost driver;
    private final RendezvousServer server;
    private final ExecutorService threads;

    /** What one rank does. */
    public interface Body<T> {
        T run(Collectives collectives) throws Exception;
    }

    public LocalRanks(int worldSize) throws IOException {
        this(worldSize, Secret.NONE);
    }

    public LocalRanks(int worldSize, Secret secret) throws IOException {
        this.worldSize = worldSize;
        this.secret = secret;
        driver = MediaDriverHost.start(worldSize);
        server = RendezvousServer.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                RUN_ID,
                worldSize,
                Duration.ofSeconds(20),
                secret);
        threads = Executors.newCachedThreadPool(
                task -> Thread.ofPlatform().name("test-rank").unstarted(task));
    }

    Path driverDirectory() {
        return driver.directory();
    }

    MediaDriverHost driver() {
        return driver;
    }

    public CollectivesConfig config(Transport transport, Duration deadline) {
        return new CollectivesConfig(
                RendezvousAddress.parse(server.address()),
                driver.directory(),
                transport,
                Duration.ofSeconds(20),
                deadline,
                secret);
    }

    /** Starts a rank; its future fails with what the rank throws. */
    public <T> Future<T> start(int rank, CollectivesConfig config, Body<T> body) {
        return threads.submit(() -> {
            RankIdentity identity = new RankIdentity(rank, worldSize, RUN_ID, Map.of());
            try (Collectives collectives = Collectives.join(identity, config)) {
                return body.run(collectives);
            }
        });
    }

    /** Runs the same on every rank and returns the results in rank order. */
    public <T> List<T> runAll(Transport transport, Body<T> body) throws Exception {
        List<Future<T>> futures = new ArrayList<>();
        for (int r = 0; r < worldSize; r++) {
            futures.add(start(r, config(transport, Duration.ofSeconds(20)), body));
        }
        List<T> results = new ArrayList<>();
        for (Future<T> future : futures) {
            results.add(get(future));
        }
        return results;
    }

    public static <T> T get(Future<T> future) throws Exception {
        try {
            return future.get(40, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw e;
        }
    }

    @Override
    public void close() throws IOException {
        threads.shutdownNow();
        try {
            threads.awaitTermination(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        server.close();
        driver.close();
    }
}
