/** The training job: the launcher, the process of one rank, and the step itself. */
package io.kinema.train;
