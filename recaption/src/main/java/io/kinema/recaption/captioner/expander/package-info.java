/** Detailed prompts from short ones: {@code train-expander} and {@code expand} of {@code launch/recaption.sh}. */
package io.kinema.recaption.captioner.expander;
