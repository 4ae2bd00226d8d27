package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * When the launch scripts build, and what: on a tree with {@code launch/env.sh}, empty modules and a Maven that writes
 * down what it is asked.
 */
class LaunchBuildTest {
    private static final List<String> MODULES = List.of("data-pipeline", "trainer", "benchmarks", "recaption");
    private static final String MAVEN = """
            #!/bin/sh
            [ ! -e fail ] || exit 1
            [ ! -e slow ] || sleep 1
            echo "$MAVEN_OPTS $*" >>asked
            while [ "$1" != -pl ]; do shift; done
            chain="data-pipeline trainer benchmarks"
            [ "$2" != recaption ] || chain="data-pipeline recaption"
            for module in $chain; do
              mkdir -p $module/target
              echo jar >$module/target/kinema-$module-1.jar
              echo libraries >$module/target/classpath.txt
              [ $module != "$2" ] || exit 0
            done
            """;
    /** Says what it is started with. */
    private static final String JAVA = """
            #!/bin/sh
            echo "LC_ALL=$LC_ALL" "$@"
            """;

    private static final int LIMIT_SECONDS = 30;

    @TempDir
    private Path home;

    @BeforeEach
    void makeTree() throws IOException {
        Files.createDirectories(home.resolve("launch"));
        Files.copy(Path.of("..", "launch", "env.sh"), home.resolve("launch/env.sh"));
        Files.createFile(home.resolve("pom.xml"));
        for (String module : MODULES) {
            Files.createDirectories(home.resolve(module + "/src/main"));
            Files.createFile(home.resolve(module + "/pom.xml"));
        }
        Files.writeString(home.resolve("mvn"), MAVEN);
        assertTrue(home.resolve("mvn").toFile().setExecutable(true));
    }

    @Test
    void shouldBuildWhatTheModuleNeedsAndNothingElse() throws Exception {
        assertEquals(0, build("trainer", ""));
        List<String> asked = asked();
        assertEquals(1, asked.size());
        assertTrue(asked.getFirst().startsWith("-XX:TieredStopAtLevel=1 "), asked.getFirst());
        assertTrue(asked.getFirst().contains(" package -pl trainer -am "), asked.getFirst());

        assertEquals(0, build("data-pipeline", ""));
        assertEquals(0, build("trainer", ""));
        assertEquals(1, asked().size(), "built already");

        assertEquals(0, build("benchmarks", ""));
        assertTrue(asked().getLast().contains(" -pl benchmarks "), asked().getLast());
    }

    @Test
    void shouldStayBuiltWhenAModuleBesideItIsBuilt() throws Exception {
        for (int i = 0; i < 2; i++) {
            assertEquals(0, build("trainer", ""));
            assertEquals(0, build("recaption", ""));
        }
        assertEquals(2, asked().size(), () -> "each is built once");

        touch("data-pipeline/src/main/New.java");
        assertEquals(0, build("recaption", ""));
        assertEquals(0, build("trainer", ""));
        assertEquals(4, asked().size(), () -> "both need what is new");
    }

    @Test
    void shouldStartByASymbolicLinkFromAnyFolder() throws Exception {
        Path script = Files.copy(Path.of("..", "launch", "train.sh"), home.resolve("launch/train.sh"));
        Path elsewhere = Files.createDirectories(home.resolve("a folder"));
        Path link = Files.createSymbolicLink(elsewhere.resolve("train"), script);
        Path again = Files.createSymbolicLink(elsewhere.resolve("again"), link.getFileName());
        for (Path start : List.of(link, again)) {
            String output = run(Map.of(), elsewhere, "bash", start.toString(), "--steps", "5");
            assertTrue(output.endsWith("io.kinema.train.Train --steps 5\n"), output);
        }
    }

    @Test
    void shouldRunAnArchiveWithoutSourcesAndMaven() throws Exception {
        Path archive = Files.createDirectories(home.resolve("an archive"));
        Files.createDirectories(archive.resolve("bin"));
        for (String script : List.of("env.sh", "estimate.sh", "kinema")) {
            Files.copy(Path.of("..", "launch", script), archive.resolve("bin/" + script));
        }
        Files.createDirectories(archive.resolve("lib"));
        Files.writeString(archive.resolve("lib/trainer.classpath"), "kinema-trainer-1.jar\nlibrary.jar\n");
        String output = run(Map.of(), home, "bash", archive + "/bin/kinema", "estimate", "--width", "8");
        String libraries = archive + "/lib/kinema-trainer-1.jar:" + archive + "/lib/library.jar";
        assertTrue(output.contains(" -cp " + libraries + " io.kinema.train.memory.Estimate --width 8"), output);
        assertFalse(Files.exists(home.resolve("asked")), "Maven was asked");
    }

    /** Java takes arguments and names of files in the locale's encoding. */
    @Test
    void shouldGiveJavaAnEncodingOfAllCharacters() throws Exception {
        for (Map<String, String> bare : List.of(
                Map.of("LC_ALL", "C"),
                Map.of("LC_ALL", "", "LANG", "", "LC_CTYPE", ""),
                Map.of("LC_ALL", "xx_XX.UTF-8"),
                Map.of("LC_ALL", "", "LANG", "C.UTF-8", "LC_CTYPE", "POSIX"))) {
            String output = run(bare, home, "bash", "-c", "source launch/env.sh; kinema_java trainer Main 猫");
            assertTrue(output.startsWith("LC_ALL=C.UTF-8 "), bare + ": " + output);
        }
        String own = run(
                Map.of("LC_ALL", "", "LANG", "C.UTF-8", "LC_CTYPE", ""),
                home,
                "bash",
                "-c",
                "source launch/env.sh; kinema_java trainer Main");
        assertTrue(own.startsWith("LC_ALL= "), own);
    }

    @Test
    void shouldBuildAgainWhenASourceOfWhatTheModuleNeedsIsNewer() throws Exception {
        assertEquals(0, build("trainer", ""));
        touch("benchmarks/src/main/New.java");
        assertEquals(0, build("trainer", ""));
        assertEquals(1, asked().size(), "trainer does not need benchmarks");

        touch("data-pipeline/src/main/New.java");
        assertEquals(0, build("trainer", ""));
        assertEquals(2, asked().size());
    }

    @Test
    void shouldBuildAgainForOtherMavenArguments() throws Exception {
        assertEquals(0, build("trainer", ""));
        assertEquals(0, build("trainer", "-Pcuda"));
        assertEquals(0, build("data-pipeline", "-Pcuda"));
        assertEquals(2, asked().size());
        assertTrue(asked().getLast().endsWith("-Pcuda"), asked().getLast());
    }

    @Test
    void shouldBuildAgainWhenOneJarIsGone() throws Exception {
        assertEquals(0, build("trainer", ""));
        Files.delete(home.resolve("data-pipeline/target/kinema-data-pipeline-1.jar"));
        assertEquals(0, build("trainer", ""));
        assertEquals(2, asked().size());
    }

    @Test
    void shouldTryAgainAfterABuildThatFailed() throws Exception {
        Files.createFile(home.resolve("fail"));
        assertEquals(2, build("trainer", ""));
        Files.delete(home.resolve("fail"));
        assertEquals(0, build("trainer", ""));
        assertEquals(1, asked().size());
    }

    @Test
    void shouldBuildAgainWhenWhatTheModuleNeedsWasBuiltWithoutIt() throws Exception {
        assertEquals(0, build("trainer", ""));
        assertEquals(0, build("data-pipeline", "-Dother"));
        assertEquals(0, build("data-pipeline", ""));
        assertEquals(0, build("trainer", ""));
        assertEquals(4, asked().size());
    }

    @Test
    void shouldNotTrustWhatABuildThatFailedLeavesBehind() throws Exception {
        assertEquals(0, build("trainer", ""));
        Files.createFile(home.resolve("fail"));
        assertEquals(2, build("trainer", "-Pcuda"));
        Files.delete(home.resolve("fail"));
        assertEquals(0, build("trainer", ""));
        assertEquals(2, asked().size());
    }

    @Test
    void shouldBuildOnceWhenTwoScriptsStartTogether() throws Exception {
        Files.createFile(home.resolve("slow"));
        Process other = start("trainer", "");
        assertEquals(0, build("trainer", ""));
        assertEquals(0, exitCode(other));
        assertEquals(1, asked().size());
    }

    private List<String> asked() throws IOException {
        return Files.readAllLines(home.resolve("asked"));
    }

    /** A minute ahead: file systems may count in whole seconds. */
    private void touch(String file) throws IOException {
        Files.setLastModifiedTime(
                Files.createFile(home.resolve(file)),
                FileTime.from(Instant.now().plusSeconds(60)));
    }

    private int build(String module, String mavenArgs) throws Exception {
        return exitCode(start(module, mavenArgs));
    }

    private Process start(String module, String mavenArgs) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", "source launch/env.sh; kinema_build " + module)
                .directory(home.toFile())
                .redirectErrorStream(true)
                .redirectOutput(home.resolve("output-" + System.nanoTime()).toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("PATH", home + ":" + System.getenv("PATH"));
        builder.environment().put("KINEMA_MAVEN_ARGS", mavenArgs);
        builder.environment().remove("MAVEN_OPTS");
        return builder.start();
    }

    /** Runs a command with a Java of its own that says what it is given; returns the last line that it says. */
    private String run(Map<String, String> variables, Path folder, String... command) throws Exception {
        Path jdk = home.resolve("jdk");
        Files.createDirectories(jdk.resolve("bin"));
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"25.0.1\"\n");
        for (String program : List.of("java", "javac")) {
            Files.writeString(jdk.resolve("bin/" + program), JAVA);
            assertTrue(jdk.resolve("bin/" + program).toFile().setExecutable(true));
        }
        Path output = home.resolve("said");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectError(home.resolve("errors").toFile())
                .redirectOutput(output.toFile());
        builder.environment().put("JAVA_HOME", jdk.toString());
        builder.environment().put("PATH", home + ":" + System.getenv("PATH"));
        builder.environment().putAll(variables);
        assertEquals(0, exitCode(builder.start()), () -> command[command.length - 1]);
        return Files.readString(output);
    }

    private static int exitCode(Process process) throws InterruptedException {
        assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the script did not end");
        return process.exitValue();
    }
}
