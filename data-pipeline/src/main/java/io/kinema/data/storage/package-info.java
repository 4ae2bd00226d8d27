/** Files in local folders and on HDFS, through one interface. */
package io.kinema.data.storage;
