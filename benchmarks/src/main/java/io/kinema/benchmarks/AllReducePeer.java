package io.kinema.benchmarks;

import io.kinema.data.command.ConfigException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** What Kinema's all-reduce is timed beside. */
enum AllReducePeer {
    GLOO("Gloo"),
    MPI("Open MPI");

    private static final String NONE = "none";

    private final String title;

    AllReducePeer(String title) {
        this.title = title;
    }

    /** For people. */
    String title() {
        return title;
    }

    /** In {@code --peers} and in front of JSON's {@code Ms}. */
    String flag() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Reads {@code --peers}. */
    static Set<AllReducePeer> parse(String names) {
        Set<AllReducePeer> chosen = EnumSet.noneOf(AllReducePeer.class);
        if (names.equals(NONE)) {
            return chosen;
        }
        for (String name : names.split(",", -1)) {
            chosen.add(Arrays.stream(values())
                    .filter(peer -> peer.flag().equals(name.strip()))
                    .findFirst()
                    .orElseThrow(() -> new ConfigException(
                            "--peers " + name.strip() + " is not known; use gloo, mpi, gloo,mpi or " + NONE)));
        }
        return chosen;
    }
}
