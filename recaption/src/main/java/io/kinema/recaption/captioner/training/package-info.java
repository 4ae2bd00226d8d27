/** The training of a network that writes texts, and the command {@code launch/recaption.sh train}. */
package io.kinema.recaption.captioner.training;
