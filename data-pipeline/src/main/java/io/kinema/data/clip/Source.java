package io.kinema.data.clip;

import io.kinema.data.shard.Caption;
import java.util.List;

/**
 * A file that may hold a video or an image, as found in the input folder.
 *
 * @param path relative to the input folder, with {@code /} between names
 * @param bytes its size
 * @param sidecars paths of the files beside it that may hold its caption
 * @param captions its captions in the input folder's tables
 * @param licence its licence in those tables; empty if they have none
 */
public record Source(String path, long bytes, List<String> sidecars, List<Caption> captions, String licence) {
    /** Keeps its own copies. */
    public Source {
        sidecars = List.copyOf(sidecars);
        captions = List.copyOf(captions);
    }
}
