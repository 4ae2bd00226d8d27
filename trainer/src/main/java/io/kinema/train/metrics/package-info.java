/** What a run tells about itself. */
package io.kinema.train.metrics;
