package io.kinema.data.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PatchTest {
    @Test
    void shouldReadWhatItWrites() {
        Patch patch = new Patch(2, 8, 16);
        assertEquals("2x8x16", patch.toString());
        assertEquals(patch, Patch.parse(patch.toString()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "8", "8x8", "2x8x8x8", "2*8*8", "-2x8x8", "0x8x8", "2x8x99999", "2x8x8 "})
    void shouldRejectWhatIsNoPatch(String text) {
        ConfigException e = assertThrows(ConfigException.class, () -> Patch.parse(text));
        assertTrue(e.getMessage().contains("patch"), e.getMessage());
    }

    @Test
    void shouldCountTokens() {
        assertEquals(4 * 9 * 16, new Patch(2, 8, 8).numTokens(8, 72, 128));
        assertEquals(9 * 16, new Patch(2, 8, 8).numTokens(1, 72, 128));
    }
}
