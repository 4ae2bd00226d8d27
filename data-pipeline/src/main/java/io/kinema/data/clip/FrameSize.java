package io.kinema.data.clip;

/**
 * The size at which a source's frames are kept.
 *
 * @param height H, rows, a multiple of the patch's
 * @param width W, columns, a multiple of the patch's
 */
public record FrameSize(int height, int width) {
    /** Rounding errors must not cost a side one of its patches. */
    private static final double ROUNDING = 1e-9;

    /**
     * Fits a picture into a pixel budget without cropping or padding.
     *
     * <p>The picture is shrunk, never enlarged, until it fits the budget. Then each side becomes the next smaller or
     * the next larger whole number of patches. Of the pairs within the budget, the pair with the least distortion wins,
     * and of two equal pairs the larger. So there is a scale at which both sides are less than one patch off. A side
     * shorter than a patch becomes one patch.
     *
     * @param sourceHeight rows as shown, in units of square pixels
     * @param sourceWidth columns as shown, in units of square pixels
     * @param patch the sides are multiples of its sides
     * @param maxPixels the budget: {@code H·W} is no more than this; at least one patch
     * @return the size
     */
    public static FrameSize fit(double sourceHeight, double sourceWidth, Patch patch, int maxPixels) {
        double scale = Math.min(1, Math.sqrt(maxPixels / (sourceHeight * sourceWidth)));
        FrameSize best = null;
        for (int height : nearest(sourceHeight, scale, patch.height())) {
            for (int width : nearest(sourceWidth, scale, patch.width())) {
                FrameSize size = new FrameSize(height, width);
                if (size.numPixels() <= maxPixels
                        && (best == null || size.isBetterThan(best, sourceHeight, sourceWidth))) {
                    best = size;
                }
            }
        }
        return best != null ? best : strip(sourceHeight, sourceWidth, patch, maxPixels);
    }

    /** The multiples of a patch's side just below and above a scaled side; not above if that would enlarge. */
    private static int[] nearest(double sourceSide, double scale, int patchSide) {
        int below = (int) (sourceSide * scale / patchSide + ROUNDING) * patchSide;
        int above = below + patchSide;
        if (below == 0) {
            return new int[] {above};
        }
        return above > sourceSide ? new int[] {below} : new int[] {below, above};
    }

    private long numPixels() {
        return (long) height * width;
    }

    private boolean isBetterThan(FrameSize other, double sourceHeight, double sourceWidth) {
        double own = distortion(sourceHeight, sourceWidth);
        double others = other.distortion(sourceHeight, sourceWidth);
        return own < others || own == others && numPixels() > other.numPixels();
    }

    /** By how much one side is stretched more than the other, 1 for not at all. */
    private double distortion(double sourceHeight, double sourceWidth) {
        double stretch = width * sourceHeight / (height * sourceWidth);
        return Math.max(stretch, 1 / stretch);
    }

    /** The long side of a picture whose short side is less than a patch: the rest of the budget. */
    private static FrameSize strip(double sourceHeight, double sourceWidth, Patch patch, int maxPixels) {
        return sourceHeight < sourceWidth
                ? new FrameSize(patch.height(), longSide(maxPixels / patch.height(), patch.width()))
                : new FrameSize(longSide(maxPixels / patch.width(), patch.height()), patch.width());
    }

    private static int longSide(int maxSide, int patchSide) {
        return Math.max(1, maxSide / patchSide) * patchSide;
    }
}
