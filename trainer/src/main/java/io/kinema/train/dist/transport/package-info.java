/** The bytes between ranks: the Aeron media driver, shared rings within a host, and UDP between hosts. */
package io.kinema.train.dist.transport;
