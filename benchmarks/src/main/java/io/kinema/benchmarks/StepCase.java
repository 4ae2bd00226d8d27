package io.kinema.benchmarks;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One step to be timed; {@code peers/step.py} makes the same from the same sizes.
 *
 * @param name as in {@code --cases}
 * @param model its shape
 * @param grids the clips
 */
record StepCase(String name, DitConfig model, List<Grid> grids) {
    /** Bytes of each clip's caption. */
    static final int CAPTION_BYTES = 40;

    /** Those that are run where none are named. */
    static final String STANDARD = "short,wide,long,mixed";

    private static final Patch PATCH = new Patch(2, 8, 8);
    private static final Map<String, StepCase> ALL = new LinkedHashMap<>();

    static {
        add("short", model(384, 6, 6), Collections.nCopies(8, new Grid(4, 8, 8)));
        add("wide", model(768, 12, 4), Collections.nCopies(4, new Grid(4, 8, 8)));
        add("long", model(512, 8, 4), Collections.nCopies(2, new Grid(8, 16, 16)));
        add(
                "mixed",
                model(384, 6, 6),
                List.of(
                        new Grid(1, 8, 8),
                        new Grid(2, 8, 8),
                        new Grid(4, 8, 8),
                        new Grid(8, 8, 8),
                        new Grid(4, 16, 16),
                        new Grid(6, 4, 4),
                        new Grid(3, 8, 8),
                        new Grid(6, 8, 8)));
        add("tiny", model(64, 2, 1), List.of(new Grid(1, 3, 5), new Grid(2, 2, 2)));
    }

    private static void add(String name, DitConfig model, List<Grid> grids) {
        ALL.put(name, new StepCase(name, model, grids));
    }

    private static DitConfig model(int width, int heads, int depth) {
        return new DitConfig(depth, width, heads, 1, 128, 2, PATCH);
    }

    /** Reads {@code --cases}. */
    static List<StepCase> parse(String names) {
        List<StepCase> cases = new ArrayList<>();
        for (String name : names.split(",", -1)) {
            StepCase found = ALL.get(name.strip());
            if (found == null) {
                throw new ConfigException("--cases " + name.strip() + " is not known; use some of " + ALL.keySet());
            }
            cases.add(found);
        }
        return cases;
    }

    /** Inputs by the formulas of the peer. */
    Microbatch microbatch() {
        RectifiedFlow flow = new RectifiedFlow(1);
        List<int[]> captions = new ArrayList<>();
        List<Mixture> mixtures = new ArrayList<>();
        List<String> ids = new ArrayList<>();
        for (int s = 0; s < grids.size(); s++) {
            int[] caption = new int[CAPTION_BYTES];
            for (int i = 0; i < CAPTION_BYTES; i++) {
                caption[i] = (31 * i + 7 * s) % 256;
            }
            captions.add(caption);
            mixtures.add(flow.at((s + 0.5) / grids.size()));
            ids.add(name + "-" + s);
        }
        return Formulas.microbatch(ids, Packing.of(grids, captions), model.tokens(), mixtures);
    }

    /** What tells it from others, for people. */
    String describe() {
        int[] tokens = grids.stream().mapToInt(Grid::tokens).toArray();
        boolean even = Arrays.stream(tokens).distinct().count() == 1;
        String clips = even
                ? tokens.length + "x" + tokens[0]
                : Arrays.toString(tokens).replaceAll("[\\[\\] ]", "").replace(',', '+');
        return "D=" + model.width() + ", " + model.depth() + (model.depth() == 1 ? " block, " : " blocks, ") + clips
                + " tokens";
    }
}
