package io.kinema.data.synth;

import java.util.Locale;
import java.util.SplittableRandom;

/**
 * What one made-up video shows. A scene is a pure function of seed and number: it does not depend on how many are made.
 *
 * @param shape what moves
 * @param colour its colour
 * @param laterColour the colour that it ends with, where it changes
 * @param motion what it does
 * @param backdrop the kind of background
 * @param backColour the background's first colour
 * @param otherBackColour its second, where it has two
 * @param height rows
 * @param width columns
 * @param numFrames how many frames
 * @param frameRateHz frames a second
 * @param extension of the file, which decides codec and container
 * @param radius the shape's, as a part of the frame's shorter side
 * @param across where the shape is on the axis that it does not move along, 0 to 1
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
        double across) {
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

        final String words;

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

    /** 16:9, 9:16, 1:1, 4:3 and 21:9; small, so that hundreds are made in no time. */
    private static final int[][] SIZES = {{72, 128}, {128, 72}, {96, 96}, {96, 128}, {72, 168}};

    private static final int[] RATES_HZ = {8, 10, 12, 15, 24, 25, 30};
    private static final String[] EXTENSIONS = {"mp4", "webm", "mov", "gif"};
    private static final int MIN_SECONDS = 1;
    private static final int MAX_SECONDS = 6;

    /** The scene of a number. Sizes and codecs go round, so that a handful has them all; the rest is drawn. */
    static Scene of(long seed, int number) {
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
                0.3 + 0.4 * random.nextDouble());
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

    /** One sentence: colour, shape, motion and background. */
    String caption() {
        String subject = motion == Motion.CHANGE
                ? name(shape) + " turns from " + name(colour) + " to " + name(laterColour)
                : name(colour) + " " + name(shape) + " " + motion.words;
        String article = "aeiou".indexOf(subject.charAt(0)) >= 0 ? "an " : "a ";
        String first = name(backColour);
        String second = name(otherBackColour);
        String behind = switch (backdrop) {
            case PLAIN -> (first.equals("orange") ? "an " : "a ") + first + " background";
            case GRADIENT -> "a gradient from " + first + " to " + second;
            case STRIPES -> first + " and " + second + " stripes";
            case CHECKERBOARD -> "a " + first + " and " + second + " checkerboard";
        };
        return article + subject + " over " + behind;
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
