package io.kinema.data.storage;

import io.kinema.data.command.ConfigException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.UnsupportedFileSystemException;

/**
 * A folder of data sets: local, or on any storage for which Hadoop has a {@code FileSystem}.
 *
 * <p>Names are relative to the folder and use {@code /}. Local files have no {@code .crc} files of Hadoop beside them:
 * important files have a SHA-256.
 */
public final class Folder {
    private static final String LOCAL = "file";

    private final FileSystem fileSystem;
    private final Path root;

    private Folder(FileSystem fileSystem, Path root) {
        this.fileSystem = fileSystem;
        this.root = root;
    }

    /**
     * Names a folder, which may be missing.
     *
     * @param location a plain path, or a URI such as {@code file:///data} or {@code hdfs://host:port/data}
     * @return the folder
     * @throws ConfigException if the location is empty or its scheme is not known
     * @throws IOException if its file system cannot be set up
     */
    public static Folder at(String location) throws IOException {
        if (location.isBlank()) {
            throw new ConfigException("the location of a folder is empty; give a path, file:// or hdfs://");
        }
        boolean hasScheme = location.matches("[A-Za-z][A-Za-z0-9+.-]*:/.*");
        try {
            Path path = hasScheme
                    ? new Path(location)
                    : new Path(java.nio.file.Path.of(location)
                            .toAbsolutePath()
                            .normalize()
                            .toUri());
            FileSystem found =
                    LOCAL.equals(path.toUri().getScheme()) ? local() : path.getFileSystem(new Configuration());
            return new Folder(found, found.makeQualified(path));
        } catch (UnsupportedFileSystemException | IllegalArgumentException e) {
            throw new ConfigException(
                    "cannot use the location '" + location + "': " + e.getMessage()
                            + "; give a path, file:// or hdfs://",
                    e);
        }
    }

    /** Local files need no configuration of Hadoop, which takes half a second to read. */
    private static FileSystem local() throws IOException {
        FileSystem local = new RawLocalFileSystem();
        local.initialize(URI.create("file:///"), new Configuration(false));
        return local;
    }

    /**
     * Returns a location for messages and for tasks on other machines.
     *
     * @param name a file in the folder; empty for the folder itself
     * @return a plain path for local files, a URI for others
     */
    public String locationOf(String name) {
        Path path = resolve(name);
        return isLocal() ? java.nio.file.Path.of(path.toUri()).toString() : path.toString();
    }

    /**
     * Returns another folder.
     *
     * @param location relative to this folder, or a URI
     * @return the folder
     * @throws IOException if its file system cannot be set up
     */
    public Folder elsewhere(String location) throws IOException {
        return at(new Path(location).isUriPathAbsolute() ? location : locationOf(location));
    }

    /**
     * Names another folder so that both can be moved together.
     *
     * @param other a folder
     * @return a location for {@link #elsewhere}: relative to this folder in the same file system, else a URI
     */
    public String nameOf(Folder other) {
        if (!fileSystem.getUri().equals(other.fileSystem.getUri())) {
            return other.root.toString();
        }
        return java.nio.file.Path.of(root.toUri().getPath())
                .relativize(java.nio.file.Path.of(other.root.toUri().getPath()))
                .toString();
    }

    /**
     * Tells whether the folder is in this machine's file system.
     *
     * @return whether its files can be opened by path
     */
    public boolean isLocal() {
        return LOCAL.equals(fileSystem.getUri().getScheme());
    }

    /**
     * Tells whether a file or folder exists.
     *
     * @param name a file in the folder; empty for the folder itself
     * @return whether it exists
     * @throws IOException if the storage cannot be asked
     */
    public boolean exists(String name) throws IOException {
        return fileSystem.exists(resolve(name));
    }

    /**
     * Tells whether this is an existing folder, not a file.
     *
     * @return whether it can be listed
     * @throws IOException if the storage cannot be asked
     */
    public boolean isFolder() throws IOException {
        try {
            return fileSystem.getFileStatus(root).isDirectory();
        } catch (FileNotFoundException e) {
            return false;
        }
    }

    /**
     * Lists the files and folders directly in a folder.
     *
     * @param name a folder in this one; empty for this one
     * @return names without the path, sorted
     * @throws IOException if it is not there or cannot be listed
     */
    public List<String> list(String name) throws IOException {
        return Arrays.stream(fileSystem.listStatus(resolve(name)))
                .map(status -> status.getPath().getName())
                .sorted()
                .toList();
    }

    /**
     * Lists every file in the folder, at any depth.
     *
     * @param leftOut names of files and folders to leave out
     * @return sizes in bytes by name
     * @throws IOException if a folder cannot be listed
     */
    public Map<String, Long> filesBelow(Predicate<String> leftOut) throws IOException {
        Map<String, Long> sizes = new HashMap<>();
        collect(root, "", leftOut, sizes);
        return sizes;
    }

    private void collect(Path folder, String prefix, Predicate<String> leftOut, Map<String, Long> sizes)
            throws IOException {
        for (FileStatus status : fileSystem.listStatus(folder)) {
            String name = status.getPath().getName();
            if (leftOut.test(name)) {
                continue;
            }
            if (status.isDirectory()) {
                collect(status.getPath(), prefix + name + "/", leftOut, sizes);
            } else {
                sizes.put(prefix + name, status.getLen());
            }
        }
    }

    /**
     * Opens a file.
     *
     * @param name the file
     * @return its bytes; the caller closes it
     * @throws IOException if it is not there or cannot be read
     */
    public InputStream open(String name) throws IOException {
        return fileSystem.open(resolve(name));
    }

    /**
     * Opens a file for reading at any place.
     *
     * @param name the file
     * @return its bytes; the caller closes it
     * @throws IOException if it is not there or cannot be read
     */
    public SeekableByteChannel openChannel(String name) throws IOException {
        Path path = resolve(name);
        long sizeBytes = fileSystem.getFileStatus(path).getLen();
        return new FileSystemChannel(fileSystem.open(path), sizeBytes);
    }

    /**
     * Creates or replaces a file.
     *
     * @param name the file; folders above it are made
     * @return where to write its bytes; the caller closes it
     * @throws IOException if it cannot be written
     */
    public OutputStream create(String name) throws IOException {
        return fileSystem.create(resolve(name), true);
    }

    /**
     * Writes a whole file. The file appears complete or not at all.
     *
     * @param name the file; an older file is replaced
     * @param bytes its content
     * @throws IOException if it cannot be written
     */
    public void write(String name, byte[] bytes) throws IOException {
        String temporary = name + ".tmp";
        try (OutputStream out = create(temporary)) {
            out.write(bytes);
        }
        rename(temporary, name);
    }

    /**
     * Gives a file another name in one step: whoever looks for the new name finds the file before or this one.
     *
     * @param from the file
     * @param to its new name; a file of that name is replaced
     * @throws IOException if it cannot be renamed
     */
    public void rename(String from, String to) throws IOException {
        if (isLocal()) {
            Files.move(
                    java.nio.file.Path.of(locationOf(from)),
                    java.nio.file.Path.of(locationOf(to)),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } else {
            FileContext.getFileContext(fileSystem.getUri(), fileSystem.getConf())
                    .rename(resolve(from), resolve(to), Options.Rename.OVERWRITE);
        }
    }

    /**
     * Deletes a file, or a folder with everything in it, if it exists.
     *
     * @param name what to delete
     * @throws IOException if it cannot be deleted
     */
    public void delete(String name) throws IOException {
        Path path = resolve(name);
        if (!fileSystem.delete(path, true) && fileSystem.exists(path)) {
            throw new IOException("cannot delete " + locationOf(name));
        }
    }

    /**
     * Makes the folder and its parent folders.
     *
     * @throws IOException if it cannot be made
     */
    public void make() throws IOException {
        if (!fileSystem.mkdirs(root)) {
            throw new IOException("cannot make the folder " + locationOf(""));
        }
    }

    private Path resolve(String name) {
        return name.isEmpty() ? root : new Path(root, new Path(null, null, name));
    }

    @Override
    public String toString() {
        return locationOf("");
    }
}
