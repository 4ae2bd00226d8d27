/** The layers that the captioner's network adds to those of Deeplearning4j: convolutions, and operations on rows. */
package io.kinema.recaption.captioner.layer;
