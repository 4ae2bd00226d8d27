package io.kinema.data.shard;

/**
 * A row of a data set's index: the place and the size of a clip.
 *
 * @param id the clip's id, unique within the data set
 * @param shardIndex index of its shard in the manifest
 * @param batchIndex index of its record batch in the shard
 * @param rowIndex index of its row in the batch
 * @param numFrames T
 * @param height H, rows of a frame
 * @param width W, columns of a frame
 */
public record ClipEntry(String id, int shardIndex, int batchIndex, int rowIndex, int numFrames, int height, int width) {
    ClipEntry inShard(int newShardIndex) {
        return new ClipEntry(id, newShardIndex, batchIndex, rowIndex, numFrames, height, width);
    }
}
