package io.kinema.train.run;

import io.kinema.data.command.CommandLine;

/**
 * The video that a run samples at its end.
 *
 * @param steps of the sampler; 0 samples none
 * @param prompt what it shows; a caption of the data set if empty
 * @param guidance scale
 * @param ffmpeg program that writes it; the bundled one if empty
 */
public record SampleRequest(int steps, String prompt, double guidance, String ffmpeg) {
    /**
     * Checks the steps.
     *
     * @throws io.kinema.data.command.ConfigException when they are out of range
     */
    public SampleRequest {
        CommandLine.requireRange("--sample-steps", steps, 0, 1000);
    }
}
