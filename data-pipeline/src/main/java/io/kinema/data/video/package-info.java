/** Video files to frames and back, in ffmpeg's child processes: a damaged file costs one process, never the JVM. */
package io.kinema.data.video;
