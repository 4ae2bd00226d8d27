/** From a prompt to a video. */
package io.kinema.train.sample;
