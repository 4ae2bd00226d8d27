/** The device {@code cpu}: oneDNN for matrix products, the Vector API for all between them, in memory of its own. */
package io.kinema.train.tensor.cpu;
