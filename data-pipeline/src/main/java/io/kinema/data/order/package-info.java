/** Randomness and the order in which training uses clips, both as pure functions of a seed. */
package io.kinema.data.order;
