package io.kinema.recaption.captioner.training;

import com.beust.jcommander.Parameter;

/** Flags of every training of a model that writes texts. */
public final class TrainingFlags {
    @Parameter(
            names = "--epochs",
            order = 11,
            placeholder = "N",
            description = "How often each example is learned from; may be a fraction")
    private double epochs;

    @Parameter(names = "--batch", order = 12, placeholder = "N", description = "Examples a step, an even number")
    private int batch;

    @Parameter(
            names = "--learning-rate",
            order = 13,
            placeholder = "R",
            description = "The highest; it rises for 100 steps and then falls along a cosine to 0")
    private double learningRate = 1e-3;

    @Parameter(
            names = "--validation",
            order = 14,
            placeholder = "SHARE",
            description = "Share of the sources that are held out; 400 examples of them at most are looked at")
    private double validation = 0.05;

    @Parameter(
            names = "--round-steps",
            order = 15,
            placeholder = "N",
            description = "Steps between two looks at what is held out; each is a checkpoint too")
    private int roundSteps;

    @Parameter(
            names = "--patience",
            order = 16,
            placeholder = "N",
            description = "Rounds without a lower loss on what is held out after which training ends")
    private int patience = 8;

    @Parameter(names = "--seed", order = 17, placeholder = "S", description = "Of everything that is drawn")
    private long seed;

    @Parameter(names = "--overwrite", order = 18, description = "Delete the model that is in --output, finished or not")
    private boolean overwrite;

    /** With the defaults of a kind of model. */
    public TrainingFlags(double epochs, int batch, int roundSteps) {
        this.epochs = epochs;
        this.batch = batch;
        this.roundSteps = roundSteps;
    }

    public boolean overwrite() {
        return overwrite;
    }

    public Training.Settings settings() {
        return new Training.Settings(epochs, batch, learningRate, validation, roundSteps, patience, seed);
    }
}
