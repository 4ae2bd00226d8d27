/**
 * From sources to clips: which files there are, what their captions say, at which size they are kept, where they are
 * cut.
 */
package io.kinema.data.clip;
