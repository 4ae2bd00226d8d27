package io.kinema.data.shard;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** The columns of a shard, and clips to and from their rows. {@link ShardWriter} specifies the layout. */
final class ShardColumns {
    static final String VERSION_KEY = "kinema.shard.version";
    private static final String CAPTIONS = "captions";
    private static final ArrowType UTF8 = ArrowType.Utf8.INSTANCE;
    private static final ArrowType INT = new ArrowType.Int(32, true);
    private static final ArrowType DOUBLE = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

    private static final Schema SCHEMA = new Schema(
            List.of(
                    column("id", UTF8),
                    column("sourceUri", UTF8),
                    column("sourceSha256", UTF8),
                    column("startSeconds", DOUBLE),
                    column("endSeconds", DOUBLE),
                    column("frameRateHz", DOUBLE),
                    column("numFrames", INT),
                    column("height", INT),
                    column("width", INT),
                    column("frames", ArrowType.LargeBinary.INSTANCE),
                    new Field(
                            CAPTIONS,
                            FieldType.notNullable(ArrowType.List.INSTANCE),
                            List.of(new Field(
                                    "caption",
                                    FieldType.notNullable(ArrowType.Struct.INSTANCE),
                                    List.of(
                                            column("text", UTF8),
                                            column("origin", UTF8),
                                            column("model", UTF8),
                                            column("promptHash", UTF8))))),
                    column("licence", UTF8),
                    column("motion", DOUBLE),
                    column("brightness", DOUBLE)),
            Map.of(VERSION_KEY, Integer.toString(Manifest.FORMAT_VERSION)));

    private ShardColumns() {}

    static VectorSchemaRoot allocate(BufferAllocator allocator) {
        return VectorSchemaRoot.create(SCHEMA, allocator);
    }

    static boolean matches(Schema schema) {
        return schema.equals(SCHEMA);
    }

    private static Field column(String name, ArrowType type) {
        return new Field(name, FieldType.notNullable(type), null);
    }

    static void set(VectorSchemaRoot root, int row, Clip clip) {
        setText(root, "id", row, clip.id());
        setText(root, "sourceUri", row, clip.sourceUri());
        setText(root, "sourceSha256", row, clip.sourceSha256());
        setDouble(root, "startSeconds", row, clip.startSeconds());
        setDouble(root, "endSeconds", row, clip.endSeconds());
        setDouble(root, "frameRateHz", row, clip.frameRateHz());
        setInt(root, "numFrames", row, clip.numFrames());
        setInt(root, "height", row, clip.height());
        setInt(root, "width", row, clip.width());
        ((LargeVarBinaryVector) root.getVector("frames")).setSafe(row, clip.framesTHWC());
        setCaptions((ListVector) root.getVector(CAPTIONS), row, clip.captions());
        setText(root, "licence", row, clip.licence());
        setDouble(root, "motion", row, clip.measurements().motion());
        setDouble(root, "brightness", row, clip.measurements().brightness());
    }

    static Clip get(VectorSchemaRoot root, int row) {
        return new Clip(
                getText(root, "id", row),
                getText(root, "sourceUri", row),
                getText(root, "sourceSha256", row),
                getDouble(root, "startSeconds", row),
                getDouble(root, "endSeconds", row),
                getDouble(root, "frameRateHz", row),
                getInt(root, "numFrames", row),
                getInt(root, "height", row),
                getInt(root, "width", row),
                ((LargeVarBinaryVector) root.getVector("frames")).get(row),
                getCaptions((ListVector) root.getVector(CAPTIONS), row),
                getText(root, "licence", row),
                new Measurements(getDouble(root, "motion", row), getDouble(root, "brightness", row)));
    }

    static void setText(VectorSchemaRoot root, String column, int row, String value) {
        ((VarCharVector) root.getVector(column)).setSafe(row, value.getBytes(StandardCharsets.UTF_8));
    }

    static void setInt(VectorSchemaRoot root, String column, int row, int value) {
        ((IntVector) root.getVector(column)).setSafe(row, value);
    }

    static String getText(VectorSchemaRoot root, String column, int row) {
        return text((VarCharVector) root.getVector(column), row);
    }

    static int getInt(VectorSchemaRoot root, String column, int row) {
        return ((IntVector) root.getVector(column)).get(row);
    }

    private static void setDouble(VectorSchemaRoot root, String column, int row, double value) {
        ((Float8Vector) root.getVector(column)).setSafe(row, value);
    }

    private static double getDouble(VectorSchemaRoot root, String column, int row) {
        return ((Float8Vector) root.getVector(column)).get(row);
    }

    private static void setCaptions(ListVector lists, int row, List<Caption> captions) {
        StructVector structs = (StructVector) lists.getDataVector();
        int first = lists.startNewValue(row);
        for (int i = 0; i < captions.size(); i++) {
            Caption caption = captions.get(i);
            structs.setIndexDefined(first + i);
            setText(structs, "text", first + i, caption.text());
            setText(structs, "origin", first + i, caption.origin());
            setText(structs, "model", first + i, caption.model());
            setText(structs, "promptHash", first + i, caption.promptHash());
        }
        lists.endValue(row, captions.size());
    }

    private static List<Caption> getCaptions(ListVector lists, int row) {
        StructVector structs = (StructVector) lists.getDataVector();
        List<Caption> captions = new ArrayList<>();
        for (int i = lists.getElementStartIndex(row); i < lists.getElementEndIndex(row); i++) {
            captions.add(new Caption(
                    text(structs.getChild("text", VarCharVector.class), i),
                    text(structs.getChild("origin", VarCharVector.class), i),
                    Caption.ORIGINAL,
                    text(structs.getChild("model", VarCharVector.class), i),
                    text(structs.getChild("promptHash", VarCharVector.class), i),
                    1));
        }
        return captions;
    }

    private static void setText(StructVector structs, String column, int row, String value) {
        structs.getChild(column, VarCharVector.class).setSafe(row, value.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(VarCharVector vector, int row) {
        return new String(vector.get(row), StandardCharsets.UTF_8);
    }
}
