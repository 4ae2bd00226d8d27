package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.model.Recompute;
import java.util.OptionalLong;

/**
 * How each rank computes and what it keeps. The same for all ranks.
 *
 * @param numRanks of the run as it begins; after failures it may go on with fewer, see {@link RestartPolicy}
 * @param device where a rank computes
 * @param recompute what backward computes again
 * @param zero what a rank keeps only its shard of
 * @param memoryLimitMb what a rank may take, in 10⁶ bytes; 0 for no limit
 */
public record RankSetup(int numRanks, DeviceConfig device, Recompute recompute, ZeroStage zero, long memoryLimitMb) {
    private static final long MEGABYTE = 1_000_000;

    /**
     * Checks the numbers.
     *
     * @throws io.kinema.data.command.ConfigException when one is out of range
     */
    public RankSetup {
        CommandLine.requireRange("--nodes", numRanks, 1, 1 << 16);
        CommandLine.requireRange("--memory-per-node", memoryLimitMb, 0, 1e9);
    }

    /**
     * Returns what a rank may take.
     *
     * @return in bytes; empty for no limit
     */
    public OptionalLong memoryLimitBytes() {
        return memoryLimitMb == 0 ? OptionalLong.empty() : OptionalLong.of(memoryLimitMb * MEGABYTE);
    }
}
