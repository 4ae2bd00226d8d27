package io.kinema.train.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * What Linux says about memory: of the host, of the control group that this process is in, and of this process.
 *
 * @param root where {@code proc} and {@code sys} lie, {@code /}
 */
public record HostMemory(Path root) {
    private static final long KIBIBYTE = 1024;

    /**
     * Returns what is said of the host that this process runs on.
     *
     * @return a view; every call of it reads anew
     */
    public static HostMemory ofThisHost() {
        return new HostMemory(Path.of("/"));
    }

    /**
     * Returns how much more memory processes started by this one may take: what the host has available, or less where
     * the limit of a control group (docs.kernel.org, admin-guide/cgroup-v2, "Memory") leaves less.
     *
     * @return bytes; empty where the system does not say
     * @throws IOException when a file of the system's cannot be read
     */
    public OptionalLong availableBytes() throws IOException {
        OptionalLong host = kibibytes("proc/meminfo", "MemAvailable:");
        if (host.isEmpty()) {
            return host;
        }
        long available = host.getAsLong();
        for (Path group : groups("0::", root.resolve("sys/fs/cgroup"))) {
            available = Math.min(available, leftIn(group, "memory.max", "memory.current", "inactive_file"));
        }
        for (Path group : groups("\\d+:memory:", root.resolve("sys/fs/cgroup/memory"))) {
            available = Math.min(
                    available, leftIn(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
        }
        return OptionalLong.of(available);
    }

    /**
     * The group of this process and those around it, as far as they are visible from here.
     *
     * @param prefix of the line that names it: {@code 0::}, or with the controller's name in version 1
     * @param top where groups are mounted
     */
    private List<Path> groups(String prefix, Path top) throws IOException {
        List<Path> groups = new ArrayList<>(List.of(top));
        Path membership = root.resolve("proc/self/cgroup");
        if (Files.exists(membership)) {
            for (String line : Files.readAllLines(membership)) {
                if (line.matches(prefix + "/.+")) {
                    Path group = top;
                    for (Path name : Path.of(line.replaceFirst(prefix + "/", ""))) {
                        group = group.resolve(name);
                        groups.add(group);
                    }
                }
            }
        }
        return groups;
    }

    /** Files that a group caches and does not use are given back before its limit is felt. */
    private static long leftIn(Path group, String limitFile, String usedFile, String cachedLine) throws IOException {
        if (!Files.exists(group.resolve(limitFile)) || !Files.exists(group.resolve(usedFile))) {
            return Long.MAX_VALUE;
        }
        String limit = Files.readString(group.resolve(limitFile)).strip();
        if (limit.equals("max")) {
            return Long.MAX_VALUE;
        }
        long used = Long.parseLong(Files.readString(group.resolve(usedFile)).strip());
        long cached = 0;
        if (Files.exists(group.resolve("memory.stat"))) {
            for (String line : Files.readAllLines(group.resolve("memory.stat"))) {
                if (line.startsWith(cachedLine + " ")) {
                    cached = Long.parseLong(
                            line.substring(cachedLine.length() + 1).strip());
                }
            }
        }
        return Math.max(0, Long.parseLong(limit) - Math.max(0, used - cached));
    }

    /**
     * Returns the memory that this process has now.
     *
     * @return bytes; 0 where the system does not say
     * @throws IOException when a file or a connection fails
     */
    public long residentBytes() throws IOException {
        return kibibytes("proc/self/status", "VmRSS:").orElse(0);
    }

    /**
     * Returns the most memory that this process has had at a time.
     *
     * @return bytes; 0 where the system does not say
     * @throws IOException when a file or a connection fails
     */
    public long peakResidentBytes() throws IOException {
        return kibibytes("proc/self/status", "VmHWM:").orElse(0);
    }

    private OptionalLong kibibytes(String file, String line) throws IOException {
        Path path = root.resolve(file);
        if (!Files.exists(path)) {
            return OptionalLong.empty();
        }
        for (String each : Files.readAllLines(path)) {
            if (each.startsWith(line)) {
                return OptionalLong.of(KIBIBYTE * Long.parseLong(each.replaceAll("\\D", "")));
            }
        }
        return OptionalLong.empty();
    }
}
