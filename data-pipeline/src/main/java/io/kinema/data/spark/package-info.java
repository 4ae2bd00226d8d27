/** Work that Spark spreads over the processors of one host or of a cluster. */
package io.kinema.data.spark;
