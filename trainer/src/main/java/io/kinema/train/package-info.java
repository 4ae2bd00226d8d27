/** The launcher of a training, above all other packages. */
package io.kinema.train;
