package io.kinema.train;

import io.kinema.data.shard.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The commit that a build tests. Its hash draws the part of a long test that the build runs; {@code -Pexhaustive} runs
 * all parts. The same commit draws the same part again, and over commits every part has its turn.
 *
 * @param hash in hexadecimal digits
 */
public record TestedCommit(String hash) {
    /** Hashes are even in every digit: eight of them spread well over a few parts. */
    private static final int DIGITS = 8;

    /** The commit of a folder's Git repository; a hash of the folder's sources where there is no Git. */
    public static TestedCommit of(Path folder) throws IOException, InterruptedException {
        try {
            Process git = new ProcessBuilder("git", "rev-parse", "HEAD")
                    .directory(folder.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String hash = new String(git.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
            if (git.waitFor() == 0) {
                return new TestedCommit(hash);
            }
        } catch (IOException noGitIsInstalled) {
            return ofSources(folder);
        }
        return ofSources(folder);
    }

    private static TestedCommit ofSources(Path folder) throws IOException {
        StringBuilder digests = new StringBuilder();
        try (Stream<Path> files = Files.walk(folder.resolve("src"))) {
            List<Path> sorted = files.filter(Files::isRegularFile).sorted().toList();
            for (Path file : sorted) {
                digests.append(folder.relativize(file)).append(Sha256.of(Files.readAllBytes(file)));
            }
        }
        return new TestedCommit(Sha256.of(digests.toString().getBytes(StandardCharsets.UTF_8)));
    }

    /** Which of some parts this commit draws, from 0. */
    public int part(int numParts) {
        return (int) (Long.parseLong(hash.substring(0, DIGITS), 16) % numParts);
    }
}
