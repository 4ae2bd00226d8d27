/** The spacetime diffusion transformer: layers with forward and backward side by side. Knows nothing of processes. */
package io.kinema.train.model;
