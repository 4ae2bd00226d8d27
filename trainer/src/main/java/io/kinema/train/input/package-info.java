/** The microbatches of a run: their order, and reading them ahead. */
package io.kinema.train.input;
