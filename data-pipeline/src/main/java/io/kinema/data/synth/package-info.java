/** Videos with known content, made up: coloured shapes that move over backgrounds, and captions that say so. */
package io.kinema.data.synth;
