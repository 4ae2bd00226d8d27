package io.kinema.train.model;

import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Segments;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How the clips of a microbatch lie end to end. Its tables are made once, so that a device keeps its copies of them as
 * long as the packing lives.
 *
 * @param grids the patches of each clip
 * @param tokens the table of their tokens, L: attention stays within its segments
 * @param modulation the table of the M modulation rows: which of the L tokens share a diffusion time, and with it a
 *     shift, a scale and a gate; a clip has one row or more, and no row is of two clips
 * @param captions the table of their captions' bytes, B
 * @param captionIds the bytes of all captions end to end [B]
 * @param clipOfModulation the clip of each modulation row [M]
 */
public record Packing(
        List<Grid> grids,
        Segments tokens,
        Segments modulation,
        Segments captions,
        RowIds captionIds,
        RowIds clipOfModulation) {

    /**
     * Lays clips end to end, each with one modulation row.
     *
     * @param grids the patches of each clip
     * @param captionIds the caption of each clip, as {@link CaptionBytes} reads it
     * @return the packing
     */
    public static Packing of(List<Grid> grids, List<int[]> captionIds) {
        if (grids.size() != captionIds.size()) {
            throw new IllegalArgumentException(grids.size() + " clips but " + captionIds.size() + " captions");
        }
        Segments tokens =
                Segments.ofLengths(grids.stream().mapToInt(Grid::tokens).toArray());
        return new Packing(
                List.copyOf(grids),
                tokens,
                tokens,
                Segments.ofLengths(
                        captionIds.stream().mapToInt(ids -> ids.length).toArray()),
                RowIds.of(captionIds.stream().flatMapToInt(Arrays::stream).toArray()),
                RowIds.of(IntStream.range(0, tokens.count()).toArray()));
    }

    /**
     * Returns the same clips with other modulation rows.
     *
     * @param rows a table of the same tokens
     * @return another packing
     * @throws IllegalArgumentException when a row has tokens of two clips
     */
    Packing withModulation(Segments rows) {
        int[] clips = new int[rows.count()];
        for (int m = 0; m < clips.length; m++) {
            clips[m] = tokens.indexOf(rows.offset(m));
            if (rows.total() != tokens.total() || rows.offset(m + 1) > tokens.offset(clips[m] + 1)) {
                throw new IllegalArgumentException(
                        "modulation row " + m + " of " + rows + " is not of one clip of " + tokens);
            }
        }
        return new Packing(grids, tokens, rows, captions, captionIds, RowIds.of(clips));
    }
}
