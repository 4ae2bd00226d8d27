/**
 * Families of trainings, the scaling law that they follow, and what that says of the next one; docs/scaling-laws.md.
 */
package io.kinema.train.sweep;
