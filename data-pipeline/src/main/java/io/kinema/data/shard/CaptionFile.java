package io.kinema.data.shard;

import io.kinema.data.storage.Folder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;

/**
 * The captions of a shard whose frames lie in another data set: {@code captions/NAME.arrow} for
 * {@code shards/NAME.arrow}.
 *
 * <p>Layout, version 1: an Arrow IPC file, zstd, with {@code kinema.captions.version} in the schema's metadata and the
 * columns {@code id} (utf8) and {@code captions} (list of struct {text, origin, style, model, promptHash: utf8;
 * confidence: float64}), none nullable: one row a clip, in the shard's order, in one record batch.
 */
public final class CaptionFile {
    /** The folder of such files. */
    public static final String FOLDER = "captions";

    private static final List<String> TEXTS = List.of("text", "origin", "style", "model", "promptHash");
    private static final Schema SCHEMA = schema();

    private CaptionFile() {}

    private static Schema schema() {
        List<Field> members = new ArrayList<>();
        for (String text : TEXTS) {
            members.add(new Field(text, FieldType.notNullable(ArrowType.Utf8.INSTANCE), null));
        }
        ArrowType number = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
        members.add(new Field("confidence", FieldType.notNullable(number), null));
        Field caption = new Field("caption", FieldType.notNullable(ArrowType.Struct.INSTANCE), members);
        return new Schema(
                List.of(
                        new Field("id", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null),
                        new Field("captions", FieldType.notNullable(ArrowType.List.INSTANCE), List.of(caption))),
                Map.of("kinema.captions.version", "1"));
    }

    /**
     * Writes a file; it appears when it is complete.
     *
     * @param folder of the data set of captions
     * @param shard the file of the frames, relative to its data set's folder
     * @param captions captions of each clip by id, in the shard's order
     * @return the file, for the manifest
     * @throws IOException if it cannot be written
     */
    public static Manifest.FileEntry write(Folder folder, String shard, LinkedHashMap<String, List<Caption>> captions)
            throws IOException {
        byte[] bytes = toBytes(captions);
        String file = FOLDER + shard.substring(shard.lastIndexOf('/'));
        folder.write(file, bytes);
        return new Manifest.FileEntry(file, captions.size(), bytes.length, Sha256.of(bytes));
    }

    static byte[] toBytes(LinkedHashMap<String, List<Caption>> captions) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (BufferAllocator allocator = new RootAllocator();
                VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, allocator);
                ArrowFileWriter writer = ShardWriter.arrowWriter(root, new DigestingOutput(bytes))) {
            writer.start();
            ListVector lists = (ListVector) root.getVector("captions");
            int row = 0;
            for (Map.Entry<String, List<Caption>> clip : captions.entrySet()) {
                ShardColumns.setText(root, "id", row, clip.getKey());
                int first = lists.startNewValue(row);
                for (int i = 0; i < clip.getValue().size(); i++) {
                    set(
                            (StructVector) lists.getDataVector(),
                            first + i,
                            clip.getValue().get(i));
                }
                lists.endValue(row, clip.getValue().size());
                row++;
            }
            root.setRowCount(row);
            writer.writeBatch();
            writer.end();
        }
        return bytes.toByteArray();
    }

    /** Reads bytes whose digest was checked. */
    static Map<String, List<Caption>> fromBytes(byte[] bytes, String where) throws IOException {
        Map<String, List<Caption>> captions = new LinkedHashMap<>();
        try (BufferAllocator allocator = new RootAllocator();
                ArrowFileReader reader = new ArrowFileReader(
                        new ByteArrayReadableSeekableByteChannel(bytes),
                        allocator,
                        CommonsCompressionFactory.INSTANCE)) {
            VectorSchemaRoot root = reader.getVectorSchemaRoot();
            if (!root.getSchema().equals(SCHEMA)) {
                throw new IOException(where + " has the columns " + root.getSchema() + ", not those of captions");
            }
            while (reader.loadNextBatch()) {
                ListVector lists = (ListVector) root.getVector("captions");
                for (int row = 0; row < root.getRowCount(); row++) {
                    List<Caption> ofClip = new ArrayList<>();
                    for (int i = lists.getElementStartIndex(row); i < lists.getElementEndIndex(row); i++) {
                        ofClip.add(get((StructVector) lists.getDataVector(), i));
                    }
                    captions.put(ShardColumns.getText(root, "id", row), List.copyOf(ofClip));
                }
            }
        }
        return captions;
    }

    private static void set(StructVector structs, int index, Caption caption) {
        structs.setIndexDefined(index);
        List<String> texts =
                List.of(caption.text(), caption.origin(), caption.style(), caption.model(), caption.promptHash());
        for (int i = 0; i < TEXTS.size(); i++) {
            structs.getChild(TEXTS.get(i), VarCharVector.class)
                    .setSafe(index, texts.get(i).getBytes(StandardCharsets.UTF_8));
        }
        structs.getChild("confidence", Float8Vector.class).setSafe(index, caption.confidence());
    }

    private static Caption get(StructVector structs, int index) {
        List<String> texts = new ArrayList<>();
        for (String text : TEXTS) {
            texts.add(new String(structs.getChild(text, VarCharVector.class).get(index), StandardCharsets.UTF_8));
        }
        double confidence = structs.getChild("confidence", Float8Vector.class).get(index);
        return new Caption(texts.get(0), texts.get(1), texts.get(2), texts.get(3), texts.get(4), confidence);
    }
}
