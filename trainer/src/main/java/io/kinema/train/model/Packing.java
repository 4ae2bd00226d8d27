package io.kinema.train.model;

import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Segments;
import java.util.Arrays;
import java.util.List;

/**
 * How the clips of a microbatch lie end to end. Its tables are made once, so that a device keeps its copies of them as
 * long as the packing lives.
 *
 * @param grids the patches of each clip
 * @param tokens the table of their tokens, L
 * @param captions the table of their captions' bytes, B
 * @param captionIds the bytes of all captions end to end [B]
 */
public record Packing(List<Grid> grids, Segments tokens, Segments captions, RowIds captionIds) {

    /**
     * Lays clips end to end.
     *
     * @param grids the patches of each clip
     * @param captionIds the caption of each clip, as {@link CaptionBytes} reads it
     * @return the packing
     */
    public static Packing of(List<Grid> grids, List<int[]> captionIds) {
        if (grids.size() != captionIds.size()) {
            throw new IllegalArgumentException(grids.size() + " clips but " + captionIds.size() + " captions");
        }
        return new Packing(
                List.copyOf(grids),
                Segments.ofLengths(grids.stream().mapToInt(Grid::tokens).toArray()),
                Segments.ofLengths(
                        captionIds.stream().mapToInt(ids -> ids.length).toArray()),
                RowIds.of(captionIds.stream().flatMapToInt(Arrays::stream).toArray()));
    }
}
