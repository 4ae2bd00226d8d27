package io.kinema.recaption.captioner.onnx;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes small {@code .onnx} files: messages of Protocol Buffers with the field numbers of onnx.proto3. */
final class OnnxFile {
    static final int FLOAT = 1;
    static final int INT64 = 7;

    private static final int VARINT = 0;
    private static final int BYTES = 2;
    private static final int IR_VERSION = 8;
    private static final int OPSET = 13;
    /** AttributeProto.AttributeType.INT and INTS. */
    private static final int TYPE_INT = 2;

    private static final int TYPE_INTS = 7;

    private final Message graph = new Message();

    /** The fields of a message. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Message number(int field, long value) {
            varint((long) field << 3 | VARINT);
            varint(value);
            return this;
        }

        Message bytes(int field, byte[] bytes) {
            varint((long) field << 3 | BYTES);
            varint(bytes.length);
            out.writeBytes(bytes);
            return this;
        }

        Message text(int field, String text) {
            return bytes(field, text.getBytes(StandardCharsets.UTF_8));
        }

        Message message(int field, Message message) {
            return bytes(field, message.out.toByteArray());
        }

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7FL) != 0) {
                out.write((int) (rest & 0x7F | 0x80));
                rest >>>= 7;
            }
            out.write((int) rest);
        }
    }

    /** A named list of whole numbers that an operation has, or one such number. */
    record Attribute(String name, List<Integer> values, boolean isList) {
        static Attribute of(String name, int value) {
            return new Attribute(name, List.of(value), false);
        }

        static Attribute list(String name, Integer... values) {
            return new Attribute(name, List.of(values), true);
        }

        private Message message() {
            Message message = new Message().text(1, name).number(20, isList ? TYPE_INTS : TYPE_INT);
            values.forEach(value -> message.number(isList ? 8 : 3, value));
            return message;
        }
    }

    /** Dimensions are numbers, or names where they may be any. */
    OnnxFile input(String name, int type, Object... dimensions) {
        graph.message(11, valueInfo(name, type, dimensions));
        return this;
    }

    OnnxFile output(String name, int type, Object... dimensions) {
        graph.message(12, valueInfo(name, type, dimensions));
        return this;
    }

    private static Message valueInfo(String name, int type, Object... dimensions) {
        Message shape = new Message();
        for (Object dimension : dimensions) {
            shape.message(
                    1,
                    dimension instanceof Integer size
                            ? new Message().number(1, size)
                            : new Message().text(2, dimension.toString()));
        }
        Message tensor = new Message().number(1, type).message(2, shape);
        return new Message().text(1, name).message(2, new Message().message(1, tensor));
    }

    OnnxFile node(String operation, List<String> inputs, String output, Attribute... attributes) {
        Message node = new Message();
        inputs.forEach(input -> node.text(1, input));
        node.text(2, output).text(4, operation);
        for (Attribute attribute : attributes) {
            node.message(5, attribute.message());
        }
        graph.message(1, node);
        return this;
    }

    OnnxFile constant(String name, float[][] rows) {
        ByteBuffer raw =
                ByteBuffer.allocate(rows.length * rows[0].length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (float[] row : rows) {
            for (float value : row) {
                raw.putFloat(value);
            }
        }
        graph.message(
                5,
                new Message()
                        .number(1, rows.length)
                        .number(1, rows[0].length)
                        .number(2, FLOAT)
                        .text(8, name)
                        .bytes(9, raw.array()));
        return this;
    }

    OnnxFile constant(String name, long... values) {
        ByteBuffer raw = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asLongBuffer().put(values);
        graph.message(
                5,
                new Message()
                        .number(1, values.length)
                        .number(2, INT64)
                        .text(8, name)
                        .bytes(9, raw.array()));
        return this;
    }

    void write(Path file) {
        Message model = new Message()
                .number(1, IR_VERSION)
                .message(7, graph.text(2, "test"))
                .message(8, new Message().text(1, "").number(2, OPSET));
        try {
            Files.write(file, model.out.toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
