package io.kinema.recaption.show;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Chromium, or what is made from it, without a window: each page in a process and a profile of its own, which are gone
 * afterwards.
 */
final class Browser {
    private static final List<String> NAMES =
            List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome");
    private static final int TIMEOUT_SECONDS = 60;

    /** What the page's timers believe has passed before the browser looks at it. */
    private static final int BUDGET_MS = 3000;

    private final Path program;
    private final Path folder;
    private int numStarts;

    private Browser(Path program, Path folder) {
        this.program = program;
        this.folder = folder;
    }

    /** The first on the PATH; the test is left out if there is none. */
    static Browser find(Path folder) {
        List<Path> found = Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(entry -> NAMES.stream().map(name -> Path.of(entry, name)))
                .filter(Files::isExecutable)
                .toList();
        assumeTrue(
                !found.isEmpty(),
                "no browser on the PATH, looked for " + NAMES + "; install one: apt-get install chromium");
        return new Browser(found.getFirst(), folder);
    }

    /** The page as its scripts have left it. */
    String dom(String url) throws IOException, InterruptedException {
        return Files.readString(run("--dump-dom", url));
    }

    void screenshot(String url, Path png) throws IOException, InterruptedException {
        run("--screenshot=" + png, url);
    }

    private Path run(String action, String url) throws IOException, InterruptedException {
        numStarts++;
        Path profile = Files.createDirectory(folder.resolve("profile-" + numStarts));
        Path stdout = folder.resolve("stdout-" + numStarts);
        Path stderr = folder.resolve("stderr-" + numStarts);
        List<String> command = List.of(
                program.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--window-size=1400,1000",
                "--user-data-dir=" + profile,
                "--virtual-time-budget=" + BUDGET_MS,
                action,
                url);
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(stdout.toFile()).redirectError(stderr.toFile());
        // What it keeps outside its profile is kept there, too.
        builder.environment().put("HOME", profile.toString());
        Process process = builder.start();
        try {
            boolean ended = process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            if (!ended || process.exitValue() != 0) {
                throw new IOException(command + (ended ? " ended with " + process.exitValue() : " did not end") + ": "
                        + Files.readString(stderr));
            }
        } finally {
            end(process, profile);
        }
        return stdout;
    }

    /** With those that it has started; some of them are not its children any more, but all name its profile. */
    private static void end(Process process, Path profile) throws InterruptedException {
        List<ProcessHandle> left = new ArrayList<>(process.descendants().toList());
        left.add(process.toHandle());
        ProcessHandle.allProcesses()
                .filter(each -> each.info().commandLine().orElse("").contains(profile.toString()))
                .forEach(left::add);
        left.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle each : left) {
            each.onExit().orTimeout(TIMEOUT_SECONDS, TimeUnit.SECONDS).join();
        }
    }
}
