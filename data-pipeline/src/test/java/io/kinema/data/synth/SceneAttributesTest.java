package io.kinema.data.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

class SceneAttributesTest {
    @Test
    void shouldReadTheSceneOutOfEachOfItsCaptions() {
        for (int i = 0; i < 400; i++) {
            Scene scene = Scene.of(5, i, Scene.MAX_SHAPES);
            SceneAttributes full = SceneAttributes.of(scene.caption());
            String changed = scene.motion() == Scene.Motion.CHANGE ? ">" + lower(scene.laterColour()) : "";
            assertEquals(Integer.toString(scene.numShapes()), full.count(), scene.caption());
            assertEquals(lower(scene.colour()) + changed, full.colour(), scene.caption());
            assertEquals(lower(scene.shape()), full.shape(), scene.caption());
            assertEquals(lower(scene.motion()), full.motion(), scene.caption());
            assertEquals(lower(scene.backdrop()), full.background().split(" ")[0], scene.caption());
            assertEquals(full, SceneAttributes.of(scene.detailedCaption()), scene.detailedCaption());
            SceneAttributes brief = SceneAttributes.of(scene.shortCaption());
            assertEquals(full.values().subList(0, 4), brief.values().subList(0, 4), scene.shortCaption());
            assertEquals("", brief.background());
        }
    }

    @Test
    void shouldCompareBackgroundsByWhatShows() {
        SceneAttributes stripes = SceneAttributes.of("two stars spin over blue and white stripes");
        assertEquals(stripes, SceneAttributes.of("Two stars spin over white and blue stripes."));
        assertNotEquals(
                SceneAttributes.of("a star spins over a gradient from red to blue")
                        .background(),
                SceneAttributes.of("a star spins over a gradient from blue to red")
                        .background());
        assertEquals(List.of("2", "", "star", "spin", "stripes blue white"), stripes.values());
    }

    @Test
    void shouldLeaveEmptyWhatACaptionDoesNotSay() {
        assertEquals(
                List.of("", "", "", "", ""),
                SceneAttributes.of("I cannot help with that").values());
        assertEquals(
                List.of("1", "", "cross", "", ""), SceneAttributes.of("a cross").values());
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
