/** A run: its flags, the recipe that decides the bits of its weights, and its folder. */
package io.kinema.train.run;
