package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.video.TestVideos;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Preparing from and to HDFS, with a name node and a data node in this process. */
class HdfsTest {
    @TempDir
    static Path folder;

    private static MiniDFSCluster cluster;
    private static FileSystem hdfs;

    @BeforeAll
    static void start() throws IOException {
        Configuration conf = new Configuration();
        conf.set("dfs.replication", "1");
        cluster = new MiniDFSCluster.Builder(conf, folder.resolve("cluster").toFile())
                .numDataNodes(1)
                .build();
        cluster.waitActive();
        hdfs = cluster.getFileSystem();
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.shutdown(true);
        }
    }

    @Test
    void shouldPrepareFromAndToHdfsWhatItPreparesLocally() throws IOException {
        Path local = Files.createDirectories(folder.resolve("videos/sub"));
        TestVideos videos = new TestVideos();
        videos.good(local.resolve("a b.mp4"), 12, 48, 64);
        videos.good(local.resolveSibling("c.gif"), 4, 32, 32);
        Files.writeString(local.resolve("a b.txt"), "four quarters");
        Files.writeString(local.resolve("bad.mp4"), "no video");
        String root = hdfs.getUri().toString();
        hdfs.copyFromLocalFile(
                new org.apache.hadoop.fs.Path(local.getParent().toUri()), new org.apache.hadoop.fs.Path("/videos"));

        Console console = Console.prepare("--input", root + "/videos", "--output", root + "/data/set");
        assertEquals(0, console.exitCode(), console.stderr());
        assertTrue(console.stdout().contains("2 files used, 1 quarantined"), console.stdout());
        assertTrue(console.stdout().contains("data set: " + root + "/data/set"), console.stdout());
        Path localData = folder.resolve("data");
        assertEquals(
                0,
                Console.prepare("--input", local.getParent(), "--output", localData)
                        .exitCode());
        try (Dataset remote = Dataset.open(root + "/data/set");
                Dataset beside = Dataset.open(localData.toString())) {
            assertEquals(beside.sha256(), remote.sha256());
            for (ClipEntry entry : remote.clips()) {
                Clip clip = remote.read(entry);
                assertEquals(List.of(0, 1, 2, 3), TestVideos.quarters(clip.framesTHWC(), clip.height(), clip.width()));
            }
            assertEquals(
                    List.of(Caption.ofSource("four quarters", "txt")),
                    remote.read(remote.clips().getLast()).captions());
        }

        assertTrue(Console.prepare("--input", root + "/videos", "--output", root + "/data/set")
                .mistake()
                .contains("a finished data set"));
        assertEquals(
                0,
                Console.prepare("--input", root + "/videos", "--output", root + "/data/set", "--overwrite")
                        .exitCode());
        assertTrue(Console.prepare("inspect", root + "/nothing").mistake().contains("no folder " + root + "/nothing"));
    }
}
