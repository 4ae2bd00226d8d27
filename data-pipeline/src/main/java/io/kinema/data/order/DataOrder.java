package io.kinema.data.order;

import io.kinema.data.command.ConfigException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The clips of each microbatch: a pure function of the seed, the clips' sizes, the token budget and the microbatch's
 * number. Neither the number of ranks nor a restart changes it.
 *
 * <p>An epoch is a random permutation of all clips, cut greedily into microbatches that stay within the token budget;
 * epochs follow one another without a gap. So every clip is used exactly once an epoch. An instance caches the last
 * epoch. Not thread-safe.
 */
public final class DataOrder {
    private final Philox philox;
    private final int[] tokensOfClip;
    private final int tokenBudget;
    private final int numMicrobatches;
    private final List<Long> firstMicrobatchOfEpoch = new ArrayList<>(List.of(0L));
    private long cutEpoch = -1;
    private List<int[]> cut = List.of();

    /**
     * Describes an order.
     *
     * @param seed of the permutations
     * @param tokensOfClip the size of each clip of the data set, in index order
     * @param tokenBudget the most tokens a microbatch may hold
     * @param numMicrobatches microbatches a step, V
     * @throws ConfigException if a single clip is over the budget
     */
    public DataOrder(long seed, int[] tokensOfClip, int tokenBudget, int numMicrobatches) {
        if (tokensOfClip.length == 0 || numMicrobatches < 1) {
            throw new IllegalArgumentException(tokensOfClip.length + " clips, " + numMicrobatches + " microbatches");
        }
        for (int clip = 0; clip < tokensOfClip.length; clip++) {
            if (tokensOfClip[clip] > tokenBudget) {
                throw new ConfigException("clip " + clip + " of the data set has " + tokensOfClip[clip]
                        + " tokens, more than --tokens " + tokenBudget
                        + "; raise --tokens or prepare the data with a smaller --max-pixels or --clip-seconds");
            }
        }
        this.philox = new Philox(seed);
        this.tokensOfClip = tokensOfClip.clone();
        this.tokenBudget = tokenBudget;
        this.numMicrobatches = numMicrobatches;
    }

    /**
     * Returns the clips of a microbatch.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return positions in the data set's index, at least one
     */
    public int[] clips(long step, int microbatch) {
        long number = step * numMicrobatches + microbatch;
        long epoch = epochOf(number);
        return microbatchesOf(epoch)
                .get(Math.toIntExact(number - firstMicrobatchOfEpoch.get((int) epoch)))
                .clone();
    }

    /**
     * Returns the number of tokens of a step.
     *
     * @param step of training, from 0
     * @return the sum over its microbatches
     */
    public long tokens(long step) {
        long tokens = 0;
        for (int v = 0; v < numMicrobatches; v++) {
            tokens += tokens(step, v);
        }
        return tokens;
    }

    /**
     * Returns the number of tokens of a microbatch.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return the sum over its clips
     */
    public long tokens(long step, int microbatch) {
        long tokens = 0;
        for (int clip : clips(step, microbatch)) {
            tokens += tokensOfClip[clip];
        }
        return tokens;
    }

    /**
     * Returns the epoch that a step begins in.
     *
     * @param step of training, from 0
     * @return from 0
     */
    public long epoch(long step) {
        return epoch(step, 0);
    }

    /**
     * Returns the epoch of a microbatch; a step may have microbatches of two or more.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return from 0
     */
    public long epoch(long step, int microbatch) {
        return epochOf(step * numMicrobatches + microbatch);
    }

    private long epochOf(long microbatchNumber) {
        while (firstMicrobatchOfEpoch.getLast() <= microbatchNumber) {
            long next = firstMicrobatchOfEpoch.size() - 1L;
            long first = firstMicrobatchOfEpoch.getLast();
            firstMicrobatchOfEpoch.add(first + microbatchesOf(next).size());
        }
        int low = 0;
        int high = firstMicrobatchOfEpoch.size() - 1;
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (firstMicrobatchOfEpoch.get(middle) <= microbatchNumber) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private List<int[]> microbatchesOf(long epoch) {
        if (epoch != cutEpoch) {
            cut = cut(permutation(epoch));
            cutEpoch = epoch;
        }
        return cut;
    }

    private int[] permutation(long epoch) {
        int[] clips = new int[tokensOfClip.length];
        for (int i = 0; i < clips.length; i++) {
            int j = philox.integer(Philox.Purpose.SHUFFLE, epoch, 0, i, i + 1);
            clips[i] = clips[j];
            clips[j] = i;
        }
        return clips;
    }

    private List<int[]> cut(int[] clips) {
        List<int[]> microbatches = new ArrayList<>();
        int from = 0;
        int tokens = 0;
        for (int i = 0; i < clips.length; i++) {
            int more = tokensOfClip[clips[i]];
            if (tokens + more > tokenBudget) {
                microbatches.add(Arrays.copyOfRange(clips, from, i));
                from = i;
                tokens = 0;
            }
            tokens += more;
        }
        microbatches.add(Arrays.copyOfRange(clips, from, clips.length));
        return microbatches;
    }
}
