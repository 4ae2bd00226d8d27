/** Captioned data sets as a page for people to look at: {@code launch/recaption.sh show}. */
package io.kinema.recaption.show;
