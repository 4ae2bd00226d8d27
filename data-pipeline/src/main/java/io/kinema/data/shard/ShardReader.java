package io.kinema.data.shard;

import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.util.List;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.message.ArrowBlock;

/** Reads any clip of one shard. The last record batch stays decompressed. */
final class ShardReader implements AutoCloseable {
    private final String where;
    private final BufferAllocator allocator = new RootAllocator();
    private final ArrowFileReader reader;
    private final VectorSchemaRoot root;
    private final List<ArrowBlock> blocks;
    private int loadedBatchIndex = -1;

    /** Opens a shard. The caller has checked its digest. */
    ShardReader(Folder folder, String file) throws IOException {
        this.where = folder.locationOf(file);
        this.reader = new ArrowFileReader(folder.openChannel(file), allocator, CommonsCompressionFactory.INSTANCE);
        this.root = reader.getVectorSchemaRoot();
        this.blocks = reader.getRecordBlocks();
        if (!ShardColumns.matches(root.getSchema())) {
            String found = root.getSchema().toString();
            close();
            throw new IOException(where + " has the columns " + found + ", not those of a shard of clips");
        }
    }

    Clip read(ClipEntry entry) throws IOException {
        if (entry.batchIndex() >= blocks.size()) {
            throw new IOException(where + " has " + blocks.size() + " record batches, the index names number "
                    + entry.batchIndex() + " for clip " + entry.id() + "; prepare the data set again");
        }
        if (loadedBatchIndex != entry.batchIndex()) {
            loadedBatchIndex = -1;
            reader.loadRecordBatch(blocks.get(entry.batchIndex()));
            loadedBatchIndex = entry.batchIndex();
        }
        if (entry.rowIndex() >= root.getRowCount()) {
            throw new IOException(where + " has " + root.getRowCount() + " rows in record batch " + entry.batchIndex()
                    + ", the index names row " + entry.rowIndex() + " for clip " + entry.id()
                    + "; prepare the data set again");
        }
        Clip clip = ShardColumns.get(root, entry.rowIndex());
        if (!clip.id().equals(entry.id())) {
            throw new IOException(where + " holds clip " + clip.id() + " where the index has " + entry.id()
                    + "; prepare the data set again");
        }
        return clip;
    }

    @Override
    public void close() throws IOException {
        try (allocator) {
            reader.close();
        }
    }
}
