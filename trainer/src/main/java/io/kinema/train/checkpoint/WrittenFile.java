package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A file of a checkpoint, as the rank that wrote it hashed it on the way.
 *
 * @param name in the checkpoint's folder
 * @param bytes its size
 * @param sha256 of its contents, hexadecimal
 */
public record WrittenFile(String name, long bytes, String sha256) {
    /**
     * Packs files into a message for rank 0.
     *
     * @param files that a rank wrote
     * @return JSON
     */
    public static byte[] pack(List<WrittenFile> files) {
        try {
            return Checkpoint.JSON.writeValueAsBytes(files);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("names and digests cannot be written: " + e.getMessage(), e);
        }
    }

    /**
     * Unpacks the messages of all ranks.
     *
     * @param messages by {@link #pack}
     * @return the files of all
     */
    public static List<WrittenFile> unpack(byte[][] messages) {
        List<WrittenFile> files = new ArrayList<>();
        try {
            for (byte[] message : messages) {
                files.addAll(List.of(Checkpoint.JSON.readValue(message, WrittenFile[].class)));
            }
        } catch (IOException e) {
            throw new IllegalStateException("no names and digests: " + e.getMessage(), e);
        }
        return files;
    }
}
