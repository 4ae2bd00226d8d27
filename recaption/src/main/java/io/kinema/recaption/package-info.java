/** The command {@code launch/recaption.sh}. */
package io.kinema.recaption;
