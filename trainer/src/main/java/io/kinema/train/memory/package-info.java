/** The memory and the cost of a run, known before the first step. */
package io.kinema.train.memory;
