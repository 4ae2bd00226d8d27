package io.kinema.data.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import me.tongfei.progressbar.ProgressBar;
import org.junit.jupiter.api.Test;

class ProgressDisplayTest {
    @Test
    void shouldPrintPlainLinesWhereNoTerminalIs() {
        assumeFalse(ProgressDisplay.isTerminal(), "a terminal has bars");
        PrintStream stderr = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try (ProgressBar bar = ProgressDisplay.bar("Reading", "MB", 1_000_000, 3_000_000)) {
            for (int i = 0; i < 3; i++) {
                bar.stepBy(1_000_000);
            }
        } finally {
            System.setErr(stderr);
        }
        String text = printed.toString(StandardCharsets.UTF_8);
        assertFalse(text.contains("\r") || text.contains("\u001b"), text);
        assertEquals("Reading 3/3 MB (100 %), 0:00 gone, 0:00 left", text.strip());
    }
}
