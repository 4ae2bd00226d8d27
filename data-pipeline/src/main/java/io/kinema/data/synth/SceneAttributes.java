package io.kinema.data.synth;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The attributes that a caption names of a synthetic video. They compare captions of different wording. An attribute
 * that the caption does not name is empty.
 *
 * @param count number of shapes: {@code 1}, {@code 2} or {@code 3}
 * @param colour of the shapes; {@code red>blue} for a change
 * @param shape such as {@code circle}
 * @param motion such as {@code right}
 * @param background kind and colours, such as {@code stripes blue white}; colours are in alphabetical order if their
 *     order does not show
 */
public record SceneAttributes(String count, String colour, String shape, String motion, String background) {
    /** The attributes' names, in the order of {@link #values()}. */
    public static final List<String> NAMES = List.of("count", "colour", "shape", "motion", "background");

    private static final Pattern BEHIND = Pattern.compile("\\bover\\b|\\bbehind (it|them) (is|are)\\b");
    private static final Pattern WORD = Pattern.compile("[a-z]+");
    private static final List<String> COLOURS = names(Scene.Colour.values());
    private static final List<String> SHAPES = names(Scene.Shape.values());
    private static final Map<String, String> COUNTS = Map.of("two", "2", "three", "3");
    private static final List<String> KINDS = List.of("gradient", "stripes", "checkerboard");

    /** Words of each motion; the first motion that matches counts. */
    private static final List<Map.Entry<Pattern, Scene.Motion>> MOTIONS = List.of(
            Map.entry(Pattern.compile("left to right"), Scene.Motion.RIGHT),
            Map.entry(Pattern.compile("right to left"), Scene.Motion.LEFT),
            Map.entry(Pattern.compile("\\bbounc"), Scene.Motion.BOUNCE),
            Map.entry(Pattern.compile("\\bupwards?\\b"), Scene.Motion.UP),
            Map.entry(Pattern.compile("\\bdownwards?\\b"), Scene.Motion.DOWN),
            Map.entry(Pattern.compile("\\bgrow"), Scene.Motion.GROW),
            Map.entry(Pattern.compile("\\bshrink"), Scene.Motion.SHRINK),
            Map.entry(Pattern.compile("\\bspin"), Scene.Motion.SPIN),
            Map.entry(Pattern.compile("\\bstill\\b"), Scene.Motion.STILL),
            Map.entry(Pattern.compile("\\bturns? from\\b"), Scene.Motion.CHANGE));

    /**
     * Reads a caption: one of {@code launch/prepare.sh synth}'s, or one in its style.
     *
     * @param caption the text
     * @return its attributes
     */
    public static SceneAttributes of(String caption) {
        String text = caption.toLowerCase(Locale.ROOT);
        Matcher behind = BEHIND.matcher(text);
        boolean divided = behind.find();
        String front = divided ? text.substring(0, behind.start()) : text;
        List<String> words = words(front);
        String shape = words.stream()
                .map(word -> word.replaceFirst("(?<=cross)es$|s$(?<!cross)", ""))
                .filter(SHAPES::contains)
                .findFirst()
                .orElse("");
        String motion = MOTIONS.stream()
                .filter(each -> each.getKey().matcher(front).find())
                .map(each -> each.getValue().name().toLowerCase(Locale.ROOT))
                .findFirst()
                .orElse("");
        List<String> colours = words.stream().filter(COLOURS::contains).toList();
        String count = words.stream()
                .filter(COUNTS::containsKey)
                .map(COUNTS::get)
                .findFirst()
                .orElse(shape.isEmpty() ? "" : "1");
        return new SceneAttributes(
                count,
                String.join(">", colours.subList(0, Math.min(2, colours.size()))),
                shape,
                motion,
                divided ? background(text.substring(behind.end())) : "");
    }

    private static String background(String text) {
        List<String> words = words(text);
        String kind = words.stream().filter(KINDS::contains).findFirst().orElse("plain");
        List<String> colours = words.stream().filter(COLOURS::contains).limit(2).toList();
        // Which comes first shows in a gradient only.
        return kind + " " + String.join(" ", kind.equals("gradient") ? colours : new TreeSet<>(colours));
    }

    /**
     * Returns the attributes as a list.
     *
     * @return in the order of {@link #NAMES}
     */
    public List<String> values() {
        return List.of(count, colour, shape, motion, background);
    }

    private static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        Matcher matcher = WORD.matcher(text);
        while (matcher.find()) {
            words.add(matcher.group());
        }
        return words;
    }

    private static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values)
                .map(value -> value.name().toLowerCase(Locale.ROOT))
                .toList();
    }
}
