/** How good captions are. */
package io.kinema.recaption.measure;
