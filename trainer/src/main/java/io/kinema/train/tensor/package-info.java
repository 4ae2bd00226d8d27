/** Tensors and the devices that hold them and compute on them. */
package io.kinema.train.tensor;
