/** Kinema beside its peers. */
package io.kinema.benchmarks;
