package io.kinema.data.clip;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The sources in an input folder.
 *
 * <p>Every file at any depth is a source, with two exceptions: files with the extensions of captions ({@code .txt},
 * {@code .json}, {@code .csv}, {@code .jsonl}), and files whose own name or folder's name begins with a dot. Whether a
 * source can be used turns out when it is opened.
 *
 * @param sources sorted by path
 * @param strayCaptions missing files that a caption table names, sorted
 */
public record SourceListing(List<Source> sources, List<String> strayCaptions) {
    private static final Set<String> CAPTION_EXTENSIONS = Set.of("txt", "json", "csv", "jsonl");

    /** Keeps its own copies. */
    public SourceListing {
        sources = List.copyOf(sources);
        strayCaptions = List.copyOf(strayCaptions);
    }

    /**
     * Lists a folder.
     *
     * @param input the folder
     * @return its sources, with the places of their captions
     * @throws ConfigException if there is no such folder, it holds no sources, or a caption table cannot be read
     * @throws IOException if the storage fails
     */
    public static SourceListing of(Folder input) throws IOException {
        if (!input.exists("")) {
            throw new ConfigException("no folder " + input + "; give the folder that holds the videos as --input");
        }
        if (!input.isFolder()) {
            throw new ConfigException(input + " is a file; give the folder that holds it as --input");
        }
        Map<String, Long> sizes = new TreeMap<>(input.filesBelow(name -> name.startsWith(".")));
        if (sizes.isEmpty()) {
            throw new ConfigException(input + " is empty; give a folder that holds videos or images as --input");
        }
        CaptionTable table = CaptionTable.read(input);
        Map<String, List<String>> sidecars = sidecars(sizes.keySet());
        List<Source> sources = new ArrayList<>();
        sizes.forEach((path, bytes) -> {
            if (!isCaption(path)) {
                List<String> beside = sidecars.getOrDefault(withoutExtension(path), List.of());
                sources.add(new Source(path, bytes, beside, table.captionsOf(path), table.licenceOf(path)));
            }
        });
        if (sources.isEmpty()) {
            throw new ConfigException(input + " holds no videos or images, only " + sizes.size()
                    + " files of captions; put them beside the videos that they describe");
        }
        Set<String> stray = new HashSet<>(table.paths());
        stray.removeAll(sizes.keySet());
        List<String> strayCaptions = new ArrayList<>(stray);
        Collections.sort(strayCaptions);
        return new SourceListing(sources, strayCaptions);
    }

    private static Map<String, List<String>> sidecars(Set<String> paths) {
        Map<String, List<String>> sidecars = new HashMap<>();
        for (String path : paths) {
            if (path.endsWith(".txt") || path.endsWith(".json")) {
                sidecars.computeIfAbsent(withoutExtension(path), key -> new ArrayList<>())
                        .add(path);
            }
        }
        return sidecars;
    }

    private static boolean isCaption(String path) {
        return CAPTION_EXTENSIONS.contains(
                path.substring(withoutExtension(path).length()).replace(".", "").toLowerCase(Locale.ROOT));
    }

    private static String withoutExtension(String path) {
        int dot = path.lastIndexOf('.');
        return dot > path.lastIndexOf('/') ? path.substring(0, dot) : path;
    }
}
