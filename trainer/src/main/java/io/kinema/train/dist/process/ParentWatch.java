package io.kinema.train.dist.process;

import io.kinema.train.dist.transport.MediaDriverHost;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.agrona.IoUtil;

/** Ends a rank whose launcher is gone: a launcher that was killed cannot stop its ranks. */
public final class ParentWatch {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private ParentWatch() {}

    /**
     * Watches the launcher on a daemon thread; when it is gone, says so on standard error, deletes what its media
     * driver has left and halts this JVM.
     *
     * @param launcherPid process id of the launcher
     * @param driverDirectory of the media driver that this rank uses, which may be that of another launcher
     */
    public static void start(long launcherPid, Path driverDirectory) {
        Optional<ProcessHandle> launcher = ProcessHandle.of(launcherPid);
        boolean isChild = isParent(launcherPid);
        Thread.ofPlatform().daemon().name("train-parent-watch").start(() -> {
            // A launcher that nobody has waited for stays in the process table, but has lost its children.
            while (launcher.isPresent() && launcher.get().isAlive() && isParent(launcherPid) == isChild) {
                try {
                    Thread.sleep(INTERVAL);
                } catch (InterruptedException e) {
                    throw new IllegalStateException("nobody knows this thread", e);
                }
            }
            System.err.println("the launcher (process " + launcherPid + ") is gone: this rank stops");
            System.err.flush();
            deleteOwn(launcherPid, driverDirectory);
            Runtime.getRuntime().halt(ExitCode.LAUNCHER_LOST.number());
        });
    }

    /** Not the folder of another launcher's driver, which ranks that live share with this one. */
    static void deleteOwn(long launcherPid, Path driverDirectory) {
        if (MediaDriverHost.isOf(launcherPid, driverDirectory)) {
            IoUtil.delete(driverDirectory.toFile(), true);
        }
    }

    private static boolean isParent(long pid) {
        return ProcessHandle.current()
                .parent()
                .map(parent -> parent.pid() == pid)
                .orElse(false);
    }
}
