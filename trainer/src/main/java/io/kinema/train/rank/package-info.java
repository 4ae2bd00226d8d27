/** The process of one rank: joining the others, training step after step, and the log. */
package io.kinema.train.rank;
