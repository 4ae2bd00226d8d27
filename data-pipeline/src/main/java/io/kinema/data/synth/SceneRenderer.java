package io.kinema.data.synth;

import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;

/** Draws the frames of a scene. */
final class SceneRenderer {
    private static final int BANDS = 6;
    private static final double TURNS_PER_SECOND = 0.5;
    private static final double BOUNCES_PER_SECOND = 0.75;
    private static final double LARGEST_SCALE = 1.4;

    /** The share of its slot that a shape fills beside others. */
    private static final double SLOT_SHARE = 0.9;

    private SceneRenderer() {}

    /** All frames as uint8 RGB, {@code T·H·W·3} bytes. */
    static byte[] render(Scene scene) {
        int framePixels = scene.height() * scene.width();
        byte[] frames = new byte[3 * scene.numFrames() * framePixels];
        BufferedImage image = new BufferedImage(scene.width(), scene.height(), BufferedImage.TYPE_INT_RGB);
        int[] pixels = new int[framePixels];
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        for (int t = 0; t < scene.numFrames(); t++) {
            drawBackdrop(graphics, scene);
            drawShapes(graphics, scene, t);
            image.getRGB(0, 0, scene.width(), scene.height(), pixels, 0, scene.width());
            for (int i = 0; i < framePixels; i++) {
                int at = 3 * (t * framePixels + i);
                frames[at] = (byte) (pixels[i] >> 16);
                frames[at + 1] = (byte) (pixels[i] >> 8);
                frames[at + 2] = (byte) pixels[i];
            }
        }
        graphics.dispose();
        return frames;
    }

    private static void drawBackdrop(Graphics2D graphics, Scene scene) {
        Color first = new Color(scene.backColour().rgb);
        Color second = new Color(scene.otherBackColour().rgb);
        if (scene.backdrop() == Scene.Backdrop.GRADIENT) {
            graphics.setPaint(new GradientPaint(0, 0, first, 0, scene.height(), second));
            graphics.fillRect(0, 0, scene.width(), scene.height());
            return;
        }
        graphics.setPaint(first);
        graphics.fillRect(0, 0, scene.width(), scene.height());
        graphics.setPaint(second);
        int side = Math.min(scene.height(), scene.width()) / BANDS;
        for (int column = 0; column * side < scene.width(); column++) {
            for (int row = 0; row * side < scene.height(); row++) {
                boolean dark = switch (scene.backdrop()) {
                    case STRIPES -> column % 2 == 1;
                    case CHECKERBOARD -> (column + row) % 2 == 1;
                    default -> false;
                };
                if (dark) {
                    graphics.fillRect(column * side, row * side, side, side);
                }
            }
        }
    }

    private static void drawShapes(Graphics2D graphics, Scene scene, int frameIndex) {
        double part = scene.numFrames() == 1 ? 0 : frameIndex / (double) (scene.numFrames() - 1);
        double seconds = frameIndex / (double) scene.frameRateHz();
        double scale = switch (scene.motion()) {
            case GROW -> 0.4 + 1.0 * part;
            case SHRINK -> LARGEST_SCALE - 1.0 * part;
            default -> 1;
        };
        double angle = scene.motion() == Scene.Motion.SPIN ? 2 * Math.PI * TURNS_PER_SECOND * seconds : 0;
        double radius = radius(scene);
        graphics.setPaint(colour(scene, part));
        for (int i = 0; i < scene.numShapes(); i++) {
            // Across is where shapes stand side by side; along is where they move.
            double slot = (i + 0.5) / scene.numShapes();
            double x = switch (scene.motion()) {
                case RIGHT -> within(part, radius, scene.width());
                case LEFT -> within(1 - part, radius, scene.width());
                case UP, DOWN, BOUNCE -> across(scene, slot, radius, scene.width());
                default -> (isWide(scene) ? slot : 0.5) * scene.width();
            };
            double y = switch (scene.motion()) {
                case UP -> within(1 - part, radius, scene.height());
                case DOWN -> within(part, radius, scene.height());
                case BOUNCE ->
                    within(1 - Math.abs(Math.cos(Math.PI * BOUNCES_PER_SECOND * seconds)), radius, scene.height());
                case RIGHT, LEFT -> across(scene, slot, radius, scene.height());
                default -> (isWide(scene) ? 0.5 : slot) * scene.height();
            };
            AffineTransform place = new AffineTransform();
            place.translate(x, y);
            place.rotate(angle);
            place.scale(radius * scale, radius * scale);
            graphics.fill(place.createTransformedShape(outline(scene.shape())));
        }
    }

    /** Shapes that stand side by side are made as small as their slots. */
    private static double radius(Scene scene) {
        double radius = scene.radius() * Math.min(scene.height(), scene.width());
        if (scene.numShapes() == 1) {
            return radius;
        }
        int side = switch (scene.motion()) {
            case RIGHT, LEFT -> scene.height();
            case UP, DOWN, BOUNCE -> scene.width();
            default -> Math.max(scene.height(), scene.width());
        };
        double largest = switch (scene.motion()) {
            case GROW, SHRINK -> LARGEST_SCALE;
            default -> 1;
        };
        return Math.min(radius, SLOT_SHARE * side / (2 * scene.numShapes() * largest));
    }

    private static double across(Scene scene, double slot, double radius, int side) {
        return scene.numShapes() == 1 ? within(scene.across(), radius, side) : slot * side;
    }

    /** A centre that keeps the whole shape inside the frame, from 0 to 1. */
    private static double within(double part, double radius, int side) {
        return radius + part * (side - 2 * radius);
    }

    private static boolean isWide(Scene scene) {
        return scene.width() >= scene.height();
    }

    private static Color colour(Scene scene, double part) {
        int from = scene.colour().rgb;
        int to = scene.laterColour().rgb;
        int mixed = 0;
        for (int shift = 0; shift <= 16; shift += 8) {
            int a = from >> shift & 0xff;
            int b = to >> shift & 0xff;
            mixed |= (int) Math.round(a + (b - a) * part) << shift;
        }
        return new Color(mixed);
    }

    /** The shape within the unit circle. */
    private static java.awt.Shape outline(Scene.Shape shape) {
        return switch (shape) {
            case CIRCLE -> new Ellipse2D.Double(-1, -1, 2, 2);
            case SQUARE -> new Rectangle2D.Double(-0.8, -0.8, 1.6, 1.6);
            case TRIANGLE -> polygon(3, 1, 1);
            case STAR -> polygon(10, 1, 0.42);
            case DIAMOND -> polygon(4, 1, 1);
            case CROSS -> cross();
        };
    }

    /** Corners on two circles in turn, the first at the top. */
    private static Path2D polygon(int numCorners, double evenRadius, double oddRadius) {
        Path2D path = new Path2D.Double();
        for (int i = 0; i < numCorners; i++) {
            double angle = 2 * Math.PI * i / numCorners - Math.PI / 2;
            double radius = i % 2 == 0 ? evenRadius : oddRadius;
            double x = radius * Math.cos(angle);
            double y = radius * Math.sin(angle);
            if (i == 0) {
                path.moveTo(x, y);
            } else {
                path.lineTo(x, y);
            }
        }
        path.closePath();
        return path;
    }

    private static Path2D cross() {
        Path2D path = new Path2D.Double(Path2D.WIND_NON_ZERO);
        path.append(new Rectangle2D.Double(-0.3, -0.95, 0.6, 1.9), false);
        path.append(new Rectangle2D.Double(-0.95, -0.3, 1.9, 0.6), false);
        return path;
    }
}
