package io.kinema.train.dist.collective;

/**
 * What a rank's collectives have cost since they were opened.
 *
 * @param commNanos nanoseconds spent inside collectives, waiting for others included
 * @param exposedNanos nanoseconds that their caller has waited for them
 * @param bytesSent payload bytes sent to other ranks
 * @param bytesReceived payload bytes received from other ranks
 * @param foreignFrames frames rejected because they were not of this run or not from one of its ranks, or had not the
 *     tag of its secret
 * @param staleFrames frames rejected because they belonged to a collective that was over
 * @param damagedFrames frames rejected because their checksum was not that of their bytes
 */
public record Traffic(
        long commNanos,
        long exposedNanos,
        long bytesSent,
        long bytesReceived,
        long foreignFrames,
        long staleFrames,
        long damagedFrames) {}
