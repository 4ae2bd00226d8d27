package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox;
import io.kinema.data.shard.Caption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CaptionMixTest {
    private static final Caption FIRST = Caption.ofSource("first", "txt");
    private static final Caption SECOND = Caption.ofSource("second", "json");
    private static final Caption SHORT = new Caption("brief", "dl4j", "short", "m", "p", 0.5);
    private static final Caption DETAILED = new Caption("at length", "dl4j", "detailed", "m", "p", 0.5);

    @Test
    void shouldTakeTheFirstCaptionWithoutAMix() {
        CaptionMix mix = CaptionMix.parse(0.1, "");
        assertEquals("first", mix.choose(List.of(FIRST, SECOND, SHORT), 0.99, 0.99));
        assertEquals("", mix.choose(List.of(), 0, 0));
    }

    @Test
    void shouldUseEachStyleAsOftenAsItsShareSays() {
        Map<String, Integer> counts = counts(List.of(FIRST, SECOND, SHORT, DETAILED));
        assertEquals(0.1, counts.get("first") / 10_000.0, 0.02);
        assertEquals(0.1, counts.get("second") / 10_000.0, 0.02);
        assertEquals(0.3, counts.get("brief") / 10_000.0, 0.02);
        assertEquals(0.5, counts.get("at length") / 10_000.0, 0.02);
    }

    @Test
    void shouldShareOutWhatAClipLacksAmongWhatItHas() {
        Map<String, Integer> counts = counts(List.of(SHORT, DETAILED));
        assertEquals(0.375, counts.get("brief") / 10_000.0, 0.02);
        assertEquals(0.625, counts.get("at length") / 10_000.0, 0.02);
        assertEquals(Map.of("first", 10_000), counts(List.of(FIRST)));
        assertEquals("", CaptionMix.parse(0, "detailed:1").choose(List.of(FIRST), 0.5, 0.5));
    }

    @Test
    void shouldNeverUseAStyleWhoseShareIsZero() {
        CaptionMix mix = CaptionMix.parse(0, "original:0,short:1,detailed:0");
        for (double draw : new double[] {0, 0.5, Math.nextDown(1.0)}) {
            assertEquals("brief", mix.choose(List.of(FIRST, SHORT, DETAILED), draw, draw));
        }
    }

    @Test
    void shouldSayWhatAMixMayBe() {
        for (String wrong : List.of("detaild:0.5", "original", "short:x", "short:-1", "short:0.5,short:0.5", ",")) {
            ConfigException e = assertThrows(ConfigException.class, () -> CaptionMix.parse(0, wrong), wrong);
            assertTrue(e.getMessage().contains("original, short, detailed"), e.getMessage());
        }
        assertThrows(ConfigException.class, () -> CaptionMix.parse(0, "short:0"));
        assertThrows(ConfigException.class, () -> CaptionMix.parse(1.5, ""));
    }

    private static Map<String, Integer> counts(List<Caption> captions) {
        CaptionMix mix = CaptionMix.parse(0, "original:0.2, short:0.3,detailed:0.5");
        Philox philox = new Philox(3);
        Map<String, Integer> counts = new HashMap<>();
        for (int i = 0; i < 10_000; i++) {
            double style = philox.uniform(Philox.Purpose.CAPTION_MIX, i, 0, 0);
            double which = philox.uniform(Philox.Purpose.CAPTION_MIX, i, 0, 1);
            counts.merge(mix.choose(captions, style, which), 1, Integer::sum);
        }
        return counts;
    }
}
