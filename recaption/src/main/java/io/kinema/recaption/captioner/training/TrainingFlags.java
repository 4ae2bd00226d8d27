package io.kinema.recaption.captioner.training;

import com.beust.jcommander.Parameter;

/** Flags of every training of a model of texts. */
public final class TrainingFlags {
    @Parameter(
            names = "--epochs",
            order = 11,
            placeholder = "N",
            description = "How often to learn from each example; may be a fraction")
    private double epochs;

    @Parameter(names = "--batch", order = 12, placeholder = "N", description = "Examples a step; an even number")
    private int batch;

    @Parameter(
            names = "--learning-rate",
            order = 13,
            placeholder = "R",
            description = "The highest learning rate; it rises for 100 steps and then falls along a cosine to 0")
    private double learningRate = 1e-3;

    @Parameter(
            names = "--validation",
            order = 14,
            placeholder = "SHARE",
            description = "Share of the sources to hold out; at most 400 of their examples are used")
    private double validation = 0.05;

    @Parameter(
            names = "--round-steps",
            order = 15,
            placeholder = "N",
            description = "Steps between two measurements of the held-out loss; each also writes a checkpoint")
    private int roundSteps;

    @Parameter(
            names = "--patience",
            order = 16,
            placeholder = "N",
            description = "Training ends after so many rounds without a lower held-out loss")
    private int patience = 8;

    @Parameter(names = "--seed", order = 17, placeholder = "S", description = "Seed of everything that is drawn")
    private long seed;

    @Parameter(names = "--overwrite", order = 18, description = "Delete the model in --output, finished or not")
    private boolean overwrite;

    /**
     * Begins with the defaults of a kind of model.
     *
     * @param epochs default of {@code --epochs}
     * @param batch default of {@code --batch}
     * @param roundSteps default of {@code --round-steps}
     */
    public TrainingFlags(double epochs, int batch, int roundSteps) {
        this.epochs = epochs;
        this.batch = batch;
        this.roundSteps = roundSteps;
    }

    /**
     * Returns the flag {@code --overwrite}.
     *
     * @return whether to delete the model in {@code --output}
     */
    public boolean overwrite() {
        return overwrite;
    }

    /**
     * Returns the settings of the training.
     *
     * @return the settings
     * @throws io.kinema.data.command.ConfigException if a value is out of its range
     */
    public Training.Settings settings() {
        return new Training.Settings(epochs, batch, learningRate, validation, roundSteps, patience, seed);
    }
}
