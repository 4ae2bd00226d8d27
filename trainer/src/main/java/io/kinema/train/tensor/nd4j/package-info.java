/** The device in plain ND4J: the oracle of every faster one, and the portable fallback. */
package io.kinema.train.tensor.nd4j;
