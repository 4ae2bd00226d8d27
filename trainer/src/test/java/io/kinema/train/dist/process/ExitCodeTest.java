package io.kinema.train.dist.process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ExitCodeTest {
    private static final Path PAGE = Path.of("..", "docs", "failures.md");

    private static String row(ExitCode code) {
        return String.format(
                "| %d | %s | %s | %s | %s | %s |",
                code.number(), code, code.meaning(), code.setBy(), code.actedOnBy(), code.isRestarted() ? "yes" : "no");
    }

    @Test
    void shouldStandInTheTableOfThePage() throws IOException {
        List<String> lines = Files.readAllLines(PAGE);
        int first = lines.indexOf("<!-- exit codes -->") + 1;
        int last = lines.indexOf("<!-- /exit codes -->");
        List<String> table = lines.subList(first, last).stream()
                .filter(line -> line.matches("\\| \\d.*"))
                .toList();

        assertEquals(Arrays.stream(ExitCode.values()).map(ExitCodeTest::row).toList(), table);
    }

    @Test
    void shouldBeFoundByItsNumber() {
        for (ExitCode code : ExitCode.values()) {
            assertEquals(Optional.of(code), ExitCode.of(code.number()));
        }
        assertEquals(Optional.empty(), ExitCode.of(137), "SIGKILL is not Kinema's");
    }
}
