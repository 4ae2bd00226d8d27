package io.kinema.train.dist;

/**
 * The order in which a shard's slices of several cover nodes travel: window after window, and within a window node
 * after node. Sender and receiver walk it alike, so that every frame is known before it comes.
 */
final class WindowCursor {
    /** Elements in a window: what one 64 KiB frame holds beside Aeron's header and ours, a multiple of 16. */
    static final int WINDOW_ELEMENTS = 16_352;

    private final long numElements;
    private final int numNodes;
    private long window;
    private int node;
    private int inWindow;

    /**
     * Starts before the first element.
     *
     * @param numElements length of the shard
     * @param numNodes cover nodes of the sender
     */
    WindowCursor(long numElements, int numNodes) {
        this.numElements = numElements;
        this.numNodes = numNodes;
    }

    static long numWindows(long numElements) {
        return Math.ceilDiv(numElements, WINDOW_ELEMENTS);
    }

    static int windowLength(long numElements, long window) {
        return (int) Math.min(WINDOW_ELEMENTS, numElements - window * WINDOW_ELEMENTS);
    }

    long window() {
        return window;
    }

    int node() {
        return node;
    }

    int inWindow() {
        return inWindow;
    }

    /** Elements from the start of the shard. */
    long position() {
        return window * WINDOW_ELEMENTS + inWindow;
    }

    /** Elements left of this node in this window. */
    int remaining() {
        return windowLength(numElements, window) - inWindow;
    }

    void advance(int elements) {
        inWindow += elements;
        if (inWindow == windowLength(numElements, window)) {
            inWindow = 0;
            node++;
            if (node == numNodes) {
                node = 0;
                window++;
            }
        }
    }
}
