/** The commands of {@code launch/prepare.sh}: their flags, their output folders, and the work of their tasks. */
package io.kinema.data;
