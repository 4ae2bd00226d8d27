package io.kinema.train.step;

import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterVector;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Vectors for groups of parameters, used again and again. Groups of equal shapes share their vectors, as all blocks do.
 */
final class VectorPool {
    private final Device device;
    private final DType type;
    private final List<SpareVectors> kinds = new ArrayList<>();

    private long bytes;

    /** Groups that are alike. */
    private static final class SpareVectors {
        private final Group first;
        private final Deque<ParameterVector> free = new ArrayDeque<>();
        private int numGroups;

        SpareVectors(Group first) {
            this.first = first;
        }
    }

    VectorPool(Device device, DType type, List<Group> groups) {
        this.device = device;
        this.type = type;
        for (Group group : groups) {
            kind(group).numGroups++;
        }
    }

    private SpareVectors kind(Group group) {
        for (SpareVectors kind : kinds) {
            if (kind.first.isLike(group)) {
                return kind;
            }
        }
        SpareVectors kind = new SpareVectors(group);
        kinds.add(kind);
        return kind;
    }

    /**
     * Makes sure that so many groups of each kind, or all of it, can be served; outside any scope, as vectors outlive
     * it.
     */
    void reserve(int atOnce) {
        for (SpareVectors kind : kinds) {
            while (kind.free.size() < Math.min(atOnce, kind.numGroups)) {
                ParameterVector vector = ParameterVector.allocate(device, type, kind.first);
                kind.free.push(vector);
                bytes += vector.bytes();
            }
        }
    }

    /** How much memory all vectors take, those that are in use too. */
    long bytes() {
        return bytes;
    }

    /** Whether a group can be served. */
    boolean has(Group group) {
        return !kind(group).free.isEmpty();
    }

    /** Returns a vector with any values. */
    ParameterVector take(Group group) {
        return kind(group).free.pop();
    }

    /** Takes a vector back. */
    void give(Group group, ParameterVector vector) {
        kind(group).free.push(vector);
    }
}
