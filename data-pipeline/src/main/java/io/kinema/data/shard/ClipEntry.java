package io.kinema.data.shard;

/**
 * A row of a data set's index: where a clip is and how large it is, without its frames.
 *
 * @param id the clip's id, unique within the data set
 * @param shardIndex which of the manifest's shards holds it
 * @param batchIndex which record batch of the shard
 * @param rowIndex which row of the batch
 * @param numFrames T
 * @param height H, rows of a frame
 * @param width W, columns of a frame
 */
public record ClipEntry(String id, int shardIndex, int batchIndex, int rowIndex, int numFrames, int height, int width) {
    ClipEntry inShard(int newShardIndex) {
        return new ClipEntry(id, newShardIndex, batchIndex, rowIndex, numFrames, height, width);
    }
}
