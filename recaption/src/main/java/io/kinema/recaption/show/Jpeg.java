package io.kinema.recaption.show;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Small pictures as JPEG files. */
final class Jpeg {
    /** At this quality edges of flat colour show no rings. The usual 0.75 makes files a quarter smaller. */
    private static final float QUALITY = 0.85f;

    private Jpeg() {}

    /** Shrinks a picture in its aspect ratio until its longer side is at most {@code maxSide}. */
    static BufferedImage shrunk(BufferedImage picture, int maxSide) {
        BufferedImage result = picture;
        int longer = Math.max(picture.getWidth(), picture.getHeight());
        while (longer > maxSide) {
            // Bilinear sampling looks at four pixels: more than halving in one go would leave some out.
            int side = Math.max(maxSide, Math.ceilDiv(longer, 2));
            double scale = (double) side / longer;
            result = resized(result, (int) Math.max(1, Math.round(result.getWidth() * scale)), (int)
                    Math.max(1, Math.round(result.getHeight() * scale)));
            longer = side;
        }
        return result;
    }

    private static BufferedImage resized(BufferedImage picture, int width, int height) {
        BufferedImage result = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = result.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
        graphics.drawImage(picture, 0, 0, width, height, null);
        graphics.dispose();
        return result;
    }

    static byte[] encode(BufferedImage picture) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            ImageWriteParam settings = writer.getDefaultWriteParam();
            settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            settings.setCompressionQuality(QUALITY);
            writer.setOutput(out);
            writer.write(null, new IIOImage(picture, null, null), settings);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }
}
