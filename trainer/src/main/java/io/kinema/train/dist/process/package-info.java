/**
 * The processes of a run on one host and on several: starting them, watching them, and telling which one failed first.
 */
package io.kinema.train.dist.process;
