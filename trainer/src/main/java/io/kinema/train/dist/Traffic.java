package io.kinema.train.dist;

/**
 * What a rank's collectives have cost since they were opened.
 *
 * @param commNanos nanoseconds spent inside collectives, waiting for others included
 * @param bytesSent payload bytes sent to other ranks
 * @param bytesReceived payload bytes received from other ranks
 * @param foreignFrames frames rejected because they were not of this run or not from one of its ranks
 * @param staleFrames frames rejected because they belonged to a collective that was over
 */
public record Traffic(long commNanos, long bytesSent, long bytesReceived, long foreignFrames, long staleFrames) {}
