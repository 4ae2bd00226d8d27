/** The order in which gradients are added, and the shards that the sums are cut into. */
package io.kinema.train.dist.reduction;
