package io.kinema.train.dist.collective;

import io.kinema.train.dist.process.RankCommand;
import io.kinema.train.dist.process.RankProcesses;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A launcher: in the process of a test, or in one of its own. Arguments: world size, transport, task, run folder. */
public final class LaunchMain implements AutoCloseable {
    private final MediaDriverHost driver;
    private final RendezvousServer server;
    private final RankProcesses ranks;

    public LaunchMain(int worldSize, Transport transport, String task, Path run, PrintStream screen)
            throws IOException {
        driver = MediaDriverHost.start(worldSize);
        server = RendezvousServer.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                LocalRanks.RUN_ID,
                worldSize,
                Duration.ofSeconds(30),
                Secret.NONE);
        List<RankCommand> commands = new ArrayList<>();
        for (int r = 0; r < worldSize; r++) {
            commands.add(java(
                    "RankMain",
                    Integer.toString(r),
                    Integer.toString(worldSize),
                    server.address(),
                    driver.directory().toString(),
                    Long.toString(ProcessHandle.current().pid()),
                    transport.toString(),
                    task,
                    run.toString()));
        }
        ranks = RankProcesses.start(commands, Secret.NONE, run.resolve("logs"), screen);
    }

    public static void main(String[] arguments) throws Exception {
        RunOutcome outcome;
        try (LaunchMain launch = new LaunchMain(
                Integer.parseInt(arguments[0]),
                Transport.parse(arguments[1]),
                arguments[2],
                Path.of(arguments[3]),
                System.out)) {
            System.out.println("driver " + launch.driverDirectory());
            System.out.println("ranks " + launch.ranks().pids());
            outcome = launch.ranks().await(Duration.ofSeconds(20));
        }
        System.out.println(outcome.message());
        System.exit(outcome.exitCode());
    }

    /** A JVM with this one's flags and class path, but little memory. */
    public static RankCommand java(String mainClass, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (flag.startsWith("--")) {
                command.add(flag);
            }
        }
        String className = LaunchMain.class.getPackageName() + "." + mainClass;
        command.addAll(List.of("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", className));
        command.addAll(List.of(arguments));
        return new RankCommand(command, Map.of("CLASSPATH", System.getProperty("java.class.path")));
    }

    public Path driverDirectory() {
        return driver.directory();
    }

    public RankProcesses ranks() {
        return ranks;
    }

    @Override
    public void close() throws IOException {
        ranks.close();
        server.close();
        driver.close();
    }
}
