package io.kinema.train.dist.collective;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BroadcastTest {
    private static final int[] LENGTHS = {0, 1, 4, 30_001, 300_001};

    /** What a rank has before. */
    private static byte[] bytes(int rank, int length) {
        byte[] bytes = new byte[length];
        new Random(rank).nextBytes(bytes);
        return bytes;
    }

    @ParameterizedTest
    @CsvSource({"1, ipc", "2, ipc", "3, ipc", "5, ipc", "3, udp"})
    void shouldGiveAllRanksWhatAnyOfThemHas(int worldSize, String transport) throws Exception {
        try (LocalRanks ranks = new LocalRanks(worldSize)) {
            List<List<byte[]>> results = ranks.runAll(Transport.parse(transport), collectives -> {
                List<byte[]> buffers = new ArrayList<>();
                List<Pending> pending = new ArrayList<>();
                for (int root = 0; root < worldSize; root++) {
                    for (int length : LENGTHS) {
                        byte[] buffer = bytes(collectives.world().rank(), length);
                        StepLabel label = new StepLabel(3, "bytes", root);
                        pending.add(collectives.broadcast(
                                label, root, CollectiveBuffer.of(MemorySegment.ofArray(buffer), Byte.BYTES)));
                        buffers.add(buffer);
                    }
                }
                pending.forEach(Pending::await);
                long sent = 0;
                for (int length : LENGTHS) {
                    sent += (worldSize - 1L) * length;
                }
                // One byte to each peer of the barrier with which ranks join.
                assertEquals(sent + worldSize - 1, collectives.traffic().bytesSent());
                return buffers;
            });
            for (List<byte[]> buffers : results) {
                for (int root = 0; root < worldSize; root++) {
                    for (int i = 0; i < LENGTHS.length; i++) {
                        assertArrayEquals(bytes(root, LENGTHS[i]), buffers.get(root * LENGTHS.length + i));
                    }
                }
            }
        }
    }

    @Test
    void shouldFailWhenLengthsDiffer() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2)) {
            IllegalStateException e = assertThrows(
                    IllegalStateException.class,
                    () -> ranks.runAll(Transport.IPC, collectives -> {
                        byte[] buffer = new byte[10 + collectives.world().rank()];
                        collectives
                                .broadcast(
                                        new StepLabel(0, "bytes"),
                                        1,
                                        CollectiveBuffer.of(MemorySegment.ofArray(buffer), Byte.BYTES))
                                .await();
                        collectives.barrier(new StepLabel(0, "after"));
                        return 0;
                    }));
            assertTrue(e.getMessage().contains("rank 1 sends 11 bytes to rank 0, which expects 10"), e.getMessage());
        }
    }

    @Test
    void shouldRefuseARankThatIsNotThere() throws Exception {
        try (LocalRanks ranks = new LocalRanks(1)) {
            CollectiveBuffer nothing = CollectiveBuffer.of(MemorySegment.ofArray(new byte[0]), Byte.BYTES);
            for (int root : new int[] {-1, 1}) {
                assertThrows(
                        IllegalStateException.class,
                        () -> ranks.runAll(
                                Transport.IPC,
                                collectives -> collectives.broadcast(new StepLabel(0, "bytes"), root, nothing)));
            }
        }
    }
}
