/** From sources to clips: lists files, finds their captions, chooses the size of frames, and cuts. */
package io.kinema.data.clip;
