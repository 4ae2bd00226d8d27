/** Captioning a data set, as a Spark job that can be stopped and goes on. */
package io.kinema.recaption.run;
