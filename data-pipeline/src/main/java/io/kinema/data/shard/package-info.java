/** Data sets on disk: shards of clips, the index of clips, and the manifest. */
package io.kinema.data.shard;
