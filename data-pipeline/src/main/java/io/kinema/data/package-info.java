/** Videos in, data sets of clips out: the commands, their flags and where files lie. */
package io.kinema.data;
