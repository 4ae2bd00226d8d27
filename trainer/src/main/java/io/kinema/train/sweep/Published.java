package io.kinema.train.sweep;

import java.util.List;

/**
 * Exponents that others have found, to put one's own beside. Losses are of other things (nats of text, squared errors
 * of latents), so offsets and coefficients do not compare; exponents do, roughly.
 *
 * @param who and how
 * @param of what kind of model
 * @param alpha of A/N^α
 * @param beta of B/D^β
 * @param a of N ∝ C^a
 * @param b of D ∝ C^b
 * @param gamma of the loss over compute
 * @param source paper and place
 */
record Published(String who, String of, String alpha, String beta, String a, String b, String gamma, String source) {
    static final List<Published> ALL = List.of(
            new Published(
                    "Kaplan et al. 2020",
                    "text",
                    "0.076",
                    "0.095",
                    "0.73",
                    "0.27",
                    "0.050",
                    "arXiv:2001.08361, sections 1.2 and 6"),
            new Published(
                    "Hoffmann et al. 2022, minimum over curves",
                    "text",
                    "",
                    "",
                    "0.50 (0.488 to 0.502)",
                    "0.50 (0.501 to 0.512)",
                    "",
                    "arXiv:2203.15556, table 2"),
            new Published(
                    "Hoffmann et al. 2022, isoFLOP",
                    "text",
                    "",
                    "",
                    "0.49 (0.462 to 0.534)",
                    "0.51 (0.483 to 0.529)",
                    "",
                    "arXiv:2203.15556, table 2"),
            new Published(
                    "Hoffmann et al. 2022, law",
                    "text",
                    "0.34",
                    "0.28",
                    "0.46 (0.454 to 0.455)",
                    "0.54 (0.542 to 0.543)",
                    "",
                    "arXiv:2203.15556, table 2 and equation 10"),
            new Published(
                    "Besiroglu et al. 2024, the same points again",
                    "text",
                    "0.3478",
                    "0.3658",
                    "0.513",
                    "0.487",
                    "",
                    "arXiv:2404.10102, equation 3; a and b from α and β"),
            new Published(
                    "Liang et al. 2024, isoFLOP",
                    "images, DiT",
                    "",
                    "",
                    "0.5681",
                    "0.4319",
                    "0.0273",
                    "arXiv:2410.08184, section 3"),
            new Published(
                    "Yin et al. 2024, law",
                    "video, DiT",
                    "0.3188",
                    "0.2917",
                    "0.4146",
                    "",
                    "",
                    "arXiv:2411.17470, table 3 and the best size for a budget; α and β would give 0.478 with C = 6ND"));
}
