package io.kinema.data.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FrameSizeTest {
    @ParameterizedTest
    @CsvSource({
        "72, 128, 2x8x8, 65536, 72, 128", // fits as it is
        "1080, 1920, 2x8x8, 65536, 192, 336",
        "1920, 1080, 2x8x8, 65536, 336, 192",
        "512, 512, 2x8x8, 65536, 256, 256",
        "512, 512, 2x8x8, 60000, 240, 240",
        "100, 100, 2x8x8, 65536, 96, 96", // never enlarged
        "96, 96, 1x16x16, 9216, 96, 96",
        "5, 5, 2x8x8, 65536, 8, 8", // less than a patch becomes one
        "4, 4000, 2x8x8, 8000, 8, 1000",
        "4000, 4, 2x8x8, 8000, 1000, 8",
        "720, 1280, 2x8x16, 128, 8, 16"
    })
    void shouldFit(double height, double width, String patch, int maxPixels, int fitHeight, int fitWidth) {
        assertEquals(new FrameSize(fitHeight, fitWidth), FrameSize.fit(height, width, Patch.parse(patch), maxPixels));
    }

    /** Every size up to 140, and every third beyond, under several patches and budgets. */
    @Test
    void shouldKeepItsPromisesForEverySize() {
        Patch[] patches = {new Patch(1, 1, 1), new Patch(2, 8, 8), new Patch(2, 4, 16), new Patch(1, 16, 16)};
        for (Patch patch : patches) {
            for (int maxPixels : new int[] {256, 1000, 4096, 9216, 65536}) {
                for (int height = 1; height <= 500; height += height < 140 ? 1 : 3) {
                    for (int width = 1; width <= 500; width += width < 140 ? 1 : 3) {
                        check(height, width, patch, maxPixels);
                    }
                }
            }
        }
    }

    @Test
    void shouldFitPixelsThatAreNotWhole() {
        Patch patch = new Patch(2, 8, 8);
        for (double aspect = 0.2; aspect < 5; aspect += 0.013) {
            check(576, 576 * aspect, patch, 65536);
        }
    }

    private static void check(double height, double width, Patch patch, int maxPixels) {
        FrameSize size = FrameSize.fit(height, width, patch, maxPixels);
        String what = height + "x" + width + " in patches of " + patch + " and " + maxPixels + " pixels: " + size;
        assertTrue(size.height() > 0 && size.height() % patch.height() == 0, what);
        assertTrue(size.width() > 0 && size.width() % patch.width() == 0, what);
        assertTrue(size.height() * size.width() <= maxPixels, what);
        assertTrue(size.height() <= Math.max(height, patch.height()), what);
        assertTrue(size.width() <= Math.max(width, patch.width()), what);
        // There is one scale at which each side is less than a patch off: the two ranges of such scales overlap.
        double low = Math.max((size.height() - patch.height()) / height, (size.width() - patch.width()) / width);
        double high = Math.min((size.height() + patch.height()) / height, (size.width() + patch.width()) / width);
        assertTrue(low < high && high > 0, what);
        assertTrue(fillsItsBudget(size, height, width, patch, maxPixels), what);
    }

    /** A patch more on both sides is beyond the budget, or beyond the picture. */
    private static boolean fillsItsBudget(FrameSize size, double height, double width, Patch patch, int maxPixels) {
        int taller = size.height() + patch.height();
        int wider = size.width() + patch.width();
        return (long) taller * wider > maxPixels || taller > height || wider > width;
    }
}
