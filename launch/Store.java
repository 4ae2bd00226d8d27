import java.io.IOException;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/** Copies standard input to a gzip file on standard output without compressing, a level that {@code gzip} lacks. */
final class Store {
    private Store() {}

    static void main() throws IOException {
        try (GZIPOutputStream out = new GZIPOutputStream(System.out, 1 << 20) {
            {
                def.setLevel(Deflater.NO_COMPRESSION);
            }
        }) {
            System.in.transferTo(out);
        }
    }
}
