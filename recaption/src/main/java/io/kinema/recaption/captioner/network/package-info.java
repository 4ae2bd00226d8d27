/** A captioner of our own: a network of Deeplearning4j, its words and pictures, and the files of a trained model. */
package io.kinema.recaption.captioner.network;
