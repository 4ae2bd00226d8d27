package io.kinema.data.shard;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;

/**
 * The index of a data set: {@code index.arrow}, one row a clip.
 *
 * <p>Layout, version 1: an Arrow IPC file, zstd, with {@code kinema.index.version} in the schema's metadata and the
 * columns {@code id} (utf8), {@code shardIndex}, {@code batchIndex}, {@code rowIndex}, {@code numFrames},
 * {@code height} and {@code width} (int32), none nullable; record batches of up to 65,536 rows. Rows are in the order
 * of the shards and, within a shard, of its rows.
 */
final class ShardIndex {
    static final String FILE = "index.arrow";
    private static final int BATCH_ROWS = 1 << 16;
    private static final List<String> NUMBERS =
            List.of("shardIndex", "batchIndex", "rowIndex", "numFrames", "height", "width");
    private static final Schema SCHEMA = schema();

    private ShardIndex() {}

    private static Schema schema() {
        List<Field> columns = new ArrayList<>();
        columns.add(new Field("id", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null));
        for (String number : NUMBERS) {
            columns.add(new Field(number, FieldType.notNullable(new ArrowType.Int(32, true)), null));
        }
        return new Schema(columns, Map.of("kinema.index.version", Integer.toString(Manifest.FORMAT_VERSION)));
    }

    static byte[] toBytes(List<ClipEntry> entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (BufferAllocator allocator = new RootAllocator();
                VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, allocator);
                ArrowFileWriter writer = ShardWriter.arrowWriter(root, new DigestingOutput(bytes))) {
            writer.start();
            for (int first = 0; first < entries.size(); first += BATCH_ROWS) {
                List<ClipEntry> batch = entries.subList(first, Math.min(entries.size(), first + BATCH_ROWS));
                for (int row = 0; row < batch.size(); row++) {
                    set(root, row, batch.get(row));
                }
                root.setRowCount(batch.size());
                writer.writeBatch();
                root.clear();
            }
            writer.end();
        }
        return bytes.toByteArray();
    }

    private static void set(VectorSchemaRoot root, int row, ClipEntry entry) {
        ShardColumns.setText(root, "id", row, entry.id());
        ShardColumns.setInt(root, "shardIndex", row, entry.shardIndex());
        ShardColumns.setInt(root, "batchIndex", row, entry.batchIndex());
        ShardColumns.setInt(root, "rowIndex", row, entry.rowIndex());
        ShardColumns.setInt(root, "numFrames", row, entry.numFrames());
        ShardColumns.setInt(root, "height", row, entry.height());
        ShardColumns.setInt(root, "width", row, entry.width());
    }

    static List<ClipEntry> fromBytes(byte[] bytes, String where) throws IOException {
        List<ClipEntry> entries = new ArrayList<>();
        try (BufferAllocator allocator = new RootAllocator();
                ArrowFileReader reader = new ArrowFileReader(
                        new ByteArrayReadableSeekableByteChannel(bytes),
                        allocator,
                        CommonsCompressionFactory.INSTANCE)) {
            VectorSchemaRoot root = reader.getVectorSchemaRoot();
            if (!root.getSchema().equals(SCHEMA)) {
                throw new IOException(where + " has the columns " + root.getSchema() + ", not those of a clip index");
            }
            while (reader.loadNextBatch()) {
                for (int row = 0; row < root.getRowCount(); row++) {
                    entries.add(new ClipEntry(
                            ShardColumns.getText(root, "id", row),
                            ShardColumns.getInt(root, "shardIndex", row),
                            ShardColumns.getInt(root, "batchIndex", row),
                            ShardColumns.getInt(root, "rowIndex", row),
                            ShardColumns.getInt(root, "numFrames", row),
                            ShardColumns.getInt(root, "height", row),
                            ShardColumns.getInt(root, "width", row)));
                }
            }
        }
        return entries;
    }
}
