package io.kinema.data.order;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kinema.data.order.Philox.Purpose;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PhiloxTest {

    /** Known answers of the generator's authors, kat_vectors of Random123 1.14 (philox4x32, 10 rounds). */
    @Test
    void shouldGiveTheKnownAnswersOfItsAuthors() {
        int[] zeros = {0, 0, 0, 0};
        new Philox(0).scramble(zeros);
        assertArrayEquals(new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, zeros);

        int[] ones = {-1, -1, -1, -1};
        new Philox(-1L).scramble(ones);
        assertArrayEquals(new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, ones);

        int[] pi = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
        new Philox(0x299f31d0_a4093822L).scramble(pi);
        assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, pi);
    }

    @Test
    void shouldGiveNormalsOfMeanZeroAndVarianceOneThatAPrefixDoesNotChange() {
        float[] all = new float[100_001];
        new Philox(5).normals(Purpose.NOISE, 3, 9, all, 0, all.length);
        double mean = 0;
        double square = 0;
        for (float value : all) {
            mean += value / all.length;
            square += value * value / all.length;
        }
        assertEquals(0, mean, 0.01);
        assertEquals(1, square, 0.02);

        float[] few = new float[8];
        new Philox(5).normals(Purpose.NOISE, 3, 9, few, 1, 7);
        for (int i = 0; i < 7; i++) {
            assertEquals(all[i], few[i + 1]);
        }
    }

    @Test
    void shouldTurnPairsOfUniformsIntoNormalsByBoxAndMuller() {
        Philox philox = new Philox(11);
        double[] uniforms = new double[40_000];
        float[] normals = new float[uniforms.length];
        philox.uniforms(Purpose.NOISE, 1, 2, uniforms);
        philox.normals(Purpose.NOISE, 1, 2, normals, 0, normals.length);
        for (int i = 0; i < normals.length; i += 2) {
            double radius = Math.sqrt(-2 * Math.log(uniforms[i]));
            double angle = 2 * Math.PI * uniforms[i + 1];
            assertEquals(radius * Math.cos(angle), normals[i], 1e-6);
            assertEquals(radius * Math.sin(angle), normals[i + 1], 1e-6);
        }
    }

    @Test
    void shouldGiveAPartAsTheWhole() {
        Philox philox = new Philox(11);
        double[] uniforms = new double[23];
        float[] normals = new float[23];
        philox.uniforms(Purpose.INIT, 1, 2, uniforms);
        philox.normals(Purpose.INIT, 1, 2, normals, 0, normals.length);
        for (int first = 0; first < normals.length; first += 4) {
            double[] someUniforms = new double[normals.length - first];
            float[] someNormals = new float[someUniforms.length];
            philox.uniforms(Purpose.INIT, 1, 2, first, someUniforms);
            philox.normals(Purpose.INIT, 1, 2, first, someNormals);
            assertArrayEquals(Arrays.copyOfRange(uniforms, first, uniforms.length), someUniforms);
            assertArrayEquals(Arrays.copyOfRange(normals, first, normals.length), someNormals);
        }
        assertThrows(IllegalArgumentException.class, () -> philox.normals(Purpose.INIT, 1, 2, 2, normals));
        assertThrows(IllegalArgumentException.class, () -> philox.normals(Purpose.INIT, 1, 2, 1L << 34, normals));
    }

    @Test
    void shouldRefuseCountersThatDoNotFit() {
        assertThrows(IllegalArgumentException.class, () -> new Philox(1).uniform(Purpose.TIME, 1L << 32, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> new Philox(1).uniform(Purpose.TIME, 0, -1, 0));
    }
}
