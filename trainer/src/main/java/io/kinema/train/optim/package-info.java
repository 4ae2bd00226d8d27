/** From a gradient to new weights. */
package io.kinema.train.optim;
