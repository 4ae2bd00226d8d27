package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import org.junit.jupiter.api.Test;

class DitConfigTest {
    @Test
    void shouldReadPresetsAndSizes() {
        assertEquals(DitConfig.preset("S"), DitConfig.parse("S", ""));
        assertEquals(new DitConfig(2, 128, 4, 3, 96, 4, new Patch(2, 4, 4)), DitConfig.parse("debug", "3x96x4"));
        assertEquals(new DitConfig(6, 256, 4, 2, 128, 2, new Patch(2, 8, 8)), DitConfig.parse("6x256x4", "2x128x2"));
    }

    @Test
    void shouldRefuseWhatIsNoSize() {
        expectMistake("--caption-model is needed", "6x256x4", "");
        expectMistake("--model tiny is not known", "tiny", "");
        expectMistake("--model 6x256 is not known", "6x256", "2x128x2");
        expectMistake("--caption-model 2x128 is not", "S", "2x128");
        expectMistake("width=250", "6x250x4", "2x128x2");
        expectMistake("captionWidth=30", "S", "2x30x2");
        expectMistake("at least one block", "0x256x4", "2x128x2");
    }

    @Test
    void shouldWarnOfAPatchThatIsWiderThanTheModel() {
        String remark = DitConfig.parse("2x64x2", "1x64x2").remark().orElseThrow();
        assertTrue(remark.contains("384 values") && remark.contains("width 64"), remark);
        for (String preset : new String[] {"debug", "S", "XL"}) {
            assertTrue(DitConfig.preset(preset).remark().isEmpty(), preset);
        }
    }

    private static void expectMistake(String expected, String model, String captionModel) {
        ConfigException mistake = assertThrows(ConfigException.class, () -> DitConfig.parse(model, captionModel));
        assertTrue(mistake.getMessage().contains(expected), mistake.getMessage());
    }
}
