package io.kinema.recaption.captioner.onnx;

/**
 * The size of a picture.
 *
 * @param height rows, at least 1
 * @param width columns, at least 1
 */
record PictureSize(int height, int width) {
    /**
     * The size of the same ratio whose shorter edge has so many pixels. The longer edge is rounded down, as in the
     * Transformers library.
     */
    PictureSize withShortestEdge(int pixels) {
        return height < width
                ? new PictureSize(pixels, (int) ((long) pixels * width / height))
                : new PictureSize((int) ((long) pixels * height / width), pixels);
    }

    @Override
    public String toString() {
        return height + "x" + width;
    }
}
