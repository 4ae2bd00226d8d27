/** Starting the ranks of a run, on this host, by ssh, in a Slurm job or under torchrun, and starting them again. */
package io.kinema.train.launch;
