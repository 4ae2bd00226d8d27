/** The data set on disk: shards of clips, the index over them and the manifest that makes a folder a data set. */
package io.kinema.data.shard;
