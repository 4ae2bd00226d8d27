package io.kinema.train.dist;

/** Another rank, or the launcher, died or left in the middle of the run; the message names it. */
public final class PeerLostException extends CollectiveException {
    /** The rank that is gone, or −1 for the launcher. */
    private final int lostRank;

    /**
     * Begins with who is gone.
     *
     * @param lostRank the rank that is gone; −1 for the launcher
     * @param message for the user
     */
    public PeerLostException(int lostRank, String message) {
        super(message);
        this.lostRank = lostRank;
    }

    /**
     * Returns the rank that is gone.
     *
     * @return a rank other than this process's, or −1 for the launcher
     */
    public int lostRank() {
        return lostRank;
    }
}
