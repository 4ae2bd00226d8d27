/** Models that describe clips. */
package io.kinema.recaption.captioner;
