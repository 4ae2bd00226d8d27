package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.model.MixedLayout;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GradientSumTest {
    @Test
    void shouldTakeGradientsOfUntrainedParametersForZero() {
        List<Group> groups = MixedLayout.layout().groups();
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            Sharding alone = new Sharding(ZeroStage.OPTIMIZER, 0, 1);
            GroupExchange ranks = new GroupExchange(device, alone, Optional.empty(), () -> 0);
            GradientSum sums = new GradientSum(ranks, groups, new ReductionTree(1));
            sums.beginRound(0);
            sums.begin(0);
            double trained = 0;
            for (Group group : groups) {
                sums.enter(group, group);
                for (Entry entry : group.entries()) {
                    float[] twos = new float[Math.toIntExact(entry.size())];
                    Arrays.fill(twos, 2);
                    device.write(sums.get(entry), 0, MemorySegment.ofArray(twos));
                    trained += entry.attributes().isTrainable() ? entry.size() : 0;
                }
                sums.leave(group);
            }
            sums.await();
            assertEquals(
                    4 * trained,
                    Arrays.stream(device.read(sums.squaresOfGroups())).sum());
            for (Group group : groups) {
                float[] values = new float[Math.toIntExact(group.size())];
                device.read(sums.shard(group), 0, MemorySegment.ofArray(values));
                for (Entry entry : group.entries()) {
                    int from = (int) (entry.offset() - group.offset());
                    for (int i = from; i < from + entry.size(); i++) {
                        assertEquals(entry.attributes().isTrainable() ? 2 : 0, values[i], entry.name());
                    }
                }
            }
        }
    }
}
