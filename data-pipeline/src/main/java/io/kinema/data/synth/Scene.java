package io.kinema.data.synth;

import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * The content of one synthetic video. A scene is a pure function of seed and number.
 *
 * @param shape the moving shape
 * @param colour its colour
 * @param laterColour its last colour, if the colour changes
 * @param motion its motion
 * @param backdrop the kind of background
 * @param backColour the background's first colour
 * @param otherBackColour its second colour, if it has two
 * @param height rows
 * @param width columns
 * @param numFrames number of frames
 * @param frameRateHz frames a second
 * @param extension of the file, which decides codec and container
 * @param radius of the shape, as a share of the frame's shorter side
 * @param across place of the shape on the axis without motion, 0 to 1
 * @param numShapes number of equal shapes that move together; several shapes stand side by side and ignore
 *     {@code across}
 */
record Scene(
        Shape shape,
        Colour colour,
        Colour laterColour,
        Motion motion,
        Backdrop backdrop,
        Colour backColour,
        Colour otherBackColour,
        int height,
        int width,
        int numFrames,
        int frameRateHz,
        String extension,
        double radius,
        double across,
        int numShapes) {
    enum Shape {
        CIRCLE,
        SQUARE,
        TRIANGLE,
        STAR,
        DIAMOND,
        CROSS
    }

    enum Colour {
        RED(0xd82020),
        GREEN(0x20a030),
        BLUE(0x2040d8),
        YELLOW(0xf0d820),
        ORANGE(0xf08018),
        PURPLE(0x9030b0),
        WHITE(0xf8f8f8),
        BLACK(0x101010);

        final int rgb;

        Colour(int rgb) {
            this.rgb = rgb;
        }
    }

    enum Motion {
        RIGHT("moves from left to right"),
        LEFT("moves from right to left"),
        UP("moves upwards"),
        DOWN("moves downwards"),
        BOUNCE("bounces up and down"),
        GROW("grows"),
        SHRINK("shrinks"),
        SPIN("spins"),
        STILL("stays still"),
        CHANGE("turns from one colour to another");

        /** The verb for one shape; for several shapes it loses its s. */
        private final String words;

        Motion(String words) {
            this.words = words;
        }
    }

    enum Backdrop {
        PLAIN,
        GRADIENT,
        STRIPES,
        CHECKERBOARD
    }

    /** More shapes could not be told apart. */
    static final int MAX_SHAPES = 3;

    private static final List<String> NUMBERS = List.of("one", "two", "three");

    /** Shapes of a larger radius are called large. */
    private static final double LARGE = 0.3;

    /** 16:9, 9:16, 1:1, 4:3 and 21:9; small, so that hundreds of videos take little time. */
    private static final int[][] SIZES = {{72, 128}, {128, 72}, {96, 96}, {96, 128}, {72, 168}};

    private static final int[] RATES_HZ = {8, 10, 12, 15, 24, 25, 30};
    private static final String[] EXTENSIONS = {"mp4", "webm", "mov", "gif"};
    private static final int MIN_SECONDS = 1;
    private static final int MAX_SECONDS = 6;

    /**
     * Makes the scene of a number. Sizes and codecs take turns, so that a few videos have them all; the rest is drawn.
     *
     * @param maxShapes 1 to {@link #MAX_SHAPES}; affects the number of shapes only
     */
    static Scene of(long seed, int number, int maxShapes) {
        SplittableRandom random = new SplittableRandom(mix(mix(seed) + number));
        Motion motion = pick(random, Motion.values());
        Shape shape = pick(random, Shape.values());
        while (motion == Motion.SPIN && shape == Shape.CIRCLE) {
            shape = pick(random, Shape.values());
        }
        Colour colour = pick(random, Colour.values());
        Colour laterColour = motion == Motion.CHANGE ? pickOther(random, colour, colour) : colour;
        Backdrop backdrop = pick(random, Backdrop.values());
        Colour back = pickOther(random, colour, laterColour);
        Colour otherBack = back;
        while (backdrop != Backdrop.PLAIN && otherBack == back) {
            otherBack = pickOther(random, colour, laterColour);
        }
        int rateHz = RATES_HZ[random.nextInt(RATES_HZ.length)];
        double seconds = MIN_SECONDS + random.nextDouble() * (MAX_SECONDS - MIN_SECONDS);
        int[] size = SIZES[number % SIZES.length];
        return new Scene(
                shape,
                colour,
                laterColour,
                motion,
                backdrop,
                back,
                otherBack,
                size[0],
                size[1],
                (int) Math.round(seconds * rateHz),
                rateHz,
                EXTENSIONS[number % EXTENSIONS.length],
                0.26 + 0.08 * random.nextDouble(),
                0.3 + 0.4 * random.nextDouble(),
                1 + random.nextInt(maxShapes));
    }

    /**
     * Tells whether the scene of a number has captions.
     *
     * @param share of all scenes with captions, 0 to 1
     */
    static boolean isCaptioned(long seed, int number, double share) {
        return new SplittableRandom(mix(mix(~seed) + number)).nextDouble() < share;
    }

    /** SplitMix64's finalizer (Steele, Lea and Flood, 2014): neighbouring numbers give unrelated streams. */
    private static long mix(long value) {
        long mixed = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }

    private static <E> E pick(SplittableRandom random, E[] values) {
        return values[random.nextInt(values.length)];
    }

    private static Colour pickOther(SplittableRandom random, Colour first, Colour second) {
        Colour picked = pick(random, Colour.values());
        while (picked == first || picked == second) {
            picked = pick(random, Colour.values());
        }
        return picked;
    }

    /** One sentence: number, colour, shape, motion and background. */
    String caption() {
        String subject = subject();
        String number = numShapes > 1 ? NUMBERS.get(numShapes - 1) : article(subject);
        return number + " " + subject + " " + verb() + " over " + behind();
    }

    /** One sentence without the background. */
    String shortCaption() {
        return NUMBERS.get(numShapes - 1) + " " + subject() + " " + verb();
    }

    /** Two sentences, with size and place too. */
    String detailedCaption() {
        String size = radius > LARGE ? "large " : "small ";
        String which = numShapes == 1 ? size : "";
        String it = numShapes == 1 ? "it" : "them";
        String is = backdrop == Backdrop.STRIPES ? "are" : "is";
        return "the video shows " + NUMBERS.get(numShapes - 1) + " " + which + subject() + " that " + verb() + place()
                + ". behind " + it + " " + is + " " + behind() + ".";
    }

    private String subject() {
        String ofColour = motion == Motion.CHANGE ? "" : name(colour) + " ";
        String plural = shape == Shape.CROSS ? "es" : "s";
        return ofColour + name(shape) + (numShapes == 1 ? "" : plural);
    }

    private String verb() {
        String words =
                motion == Motion.CHANGE ? "turns from " + name(colour) + " to " + name(laterColour) : motion.words;
        return numShapes == 1 ? words : words.replaceFirst("s\\b", "");
    }

    /** The place of a shape on the axis that it does not move along. */
    private String place() {
        if (numShapes > 1) {
            return " side by side";
        }
        return switch (motion) {
            case RIGHT, LEFT -> across < 0.5 ? " in the upper half" : " in the lower half";
            case UP, DOWN, BOUNCE -> across < 0.5 ? " in the left half" : " in the right half";
            default -> " in the middle";
        };
    }

    private String behind() {
        String first = name(backColour);
        String second = name(otherBackColour);
        return switch (backdrop) {
            case PLAIN -> article(first) + " " + first + " background";
            case GRADIENT -> "a gradient from " + first + " to " + second;
            case STRIPES -> first + " and " + second + " stripes";
            case CHECKERBOARD -> "a " + first + " and " + second + " checkerboard";
        };
    }

    private static String article(String noun) {
        return "aeiou".indexOf(noun.charAt(0)) >= 0 ? "an" : "a";
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
