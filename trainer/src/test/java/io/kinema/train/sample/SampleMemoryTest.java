package io.kinema.train.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.sample.ForwardMemory.FreeMemory;
import io.kinema.train.sample.SampleMemory.Work;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class SampleMemoryTest {
    private static final DitConfig DEBUG = DitConfig.preset("debug");
    private static final DeviceConfig CPU = DeviceConfig.resolve("cpu", "fp32", 2, 1);
    private static final long GIGABYTE = 1_000_000_000;

    private static void require(Work work, long hostGigabytes, long heapGigabytes) throws IOException {
        FreeMemory free = new FreeMemory(OptionalLong.of(hostGigabytes * GIGABYTE), heapGigabytes * GIGABYTE);
        new SampleMemory(DEBUG, CPU, free).require(work);
    }

    private static Work video(int frames, int height, int width, boolean isGuided) {
        VideoFile.Extent extent = new VideoFile.Extent(frames, height, width);
        return new Work(extent, isGuided, 1, extent.bytes());
    }

    /** In a control group of 3 GB it ended with an OutOfMemoryError after minutes. */
    @Test
    void shouldRefuseAtOnceWhatDoesNotFitAndNameFlagsThatDo() throws IOException {
        require(video(16, 1080, 1920, true), 100, 100);
        String refused = assertThrows(ConfigException.class, () -> require(video(16, 1080, 1920, true), 3, 2))
                .getMessage();
        assertTrue(refused.startsWith("sampling 1920x1080 in 16 frames needs "), refused);
        assertTrue(refused.contains("KINEMA_JAVA_OPTS=-Xmx"), refused);
        Matcher sides = Pattern.compile("--width (\\d+) --height (\\d+)").matcher(refused);
        assertTrue(sides.find(), refused);
        require(video(16, Integer.parseInt(sides.group(2)), Integer.parseInt(sides.group(1)), true), 3, 2);
        String hosts = assertThrows(ConfigException.class, () -> require(video(16, 1080, 1920, true), 3, 100))
                .getMessage();
        assertTrue(hosts.contains("this host has 3,000.0 MB available; it fits with "), hosts);
    }

    @Test
    void shouldRefuseWhatNoArrayHolds() {
        String refused = assertThrows(ConfigException.class, () -> require(video(2000, 4320, 7680, true), 9999, 9999))
                .getMessage();
        assertTrue(refused.contains("more values than an array of Java has"), refused);
    }

    /** What is learned from a few thousand tokens holds for many more, which the device plans one by one. */
    @Test
    void shouldPlanManyTokensFromFew() {
        ForwardMemory.Pass pass = (model, device, weights, tokens) -> {
            Packing packing = Packing.of(List.of(new Grid(1, 1, tokens)), List.of(new int[CaptionBytes.MAX_BYTES]));
            model.forward(device, weights, device.zeros(tokens, DEBUG.tokens().values()), packing, new double[1]);
        };
        ForwardMemory planned = ForwardMemory.plan(DEBUG, CPU, pass);
        for (int tokens : new int[] {1 << 15, 100_003}) {
            double exact = ForwardMemory.bytes(DEBUG, CPU, pass, tokens);
            assertEquals(1, planned.deviceBytes(tokens) / exact, 0.02, tokens + " tokens");
        }
    }
}
