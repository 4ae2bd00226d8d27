package io.kinema.recaption.captioner.network;

import io.kinema.recaption.captioner.layer.Convolution;
import io.kinema.recaption.captioner.layer.RowOperation;
import io.kinema.recaption.captioner.layer.RowVertex;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.impl.LossSparseMCXENT;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * The networks that write texts, as graphs of Deeplearning4j. The encoder turns a subject into places to look at and a
 * summary. The decoder predicts the next token from the last {@code window} tokens, from attention over the places, and
 * from the summary. Nothing is recurrent: all tokens of a text are learned at once, as in a convolutional decoder
 * (Gehring et al., 1705.03122).
 *
 * <p>Three graphs share their layers by name: the whole network for training, and encoder and decoder apart for
 * writing.
 *
 * @param source the kind of subject
 * @param words number of tokens in the vocabulary
 * @param window number of earlier tokens that the next token is predicted from, the style among them
 */
public record CaptionGraph(Source source, int words, int window) {
    /** Names of inputs. */
    static final String SEEN = "seen";

    static final String WINDOWS = "windows";
    static final String SUBJECTS = "subjects";

    /** Names of the encoder's outputs, which are inputs of the decoder. */
    static final String KEYS = "keys";

    static final String PLACES = "places";
    static final String SUMMARY = "summary";

    static final String NEXT = "next";

    private static final int EMBEDDING = 32;
    private static final int HIDDEN = 192;
    private static final int DEEP = 256;

    /** The kind of subject that texts are about. */
    public sealed interface Source {
        /**
         * P, the number of places to look at.
         *
         * @return at least 1
         */
        int numPlaces();

        /**
         * Channels of a place and of its key.
         *
         * @return at least 1
         */
        int placeChannels();

        /**
         * Channels of the summary.
         *
         * @return at least 1
         */
        int summaryChannels();

        /**
         * The number of rows of the input for one subject.
         *
         * @return at least 1
         */
        int inputRows();

        /**
         * Adds the layers that turn {@link #SEEN} into places, keys and summary.
         *
         * @param graph to add to
         */
        void addTo(GraphBuilder graph);
    }

    /**
     * Frames of a clip, shrunk to squares. Each frame goes through the same convolutions. Later convolutions see the
     * results of all frames at once, and so see motion.
     *
     * @param numFrames F
     * @param side of the squares in pixels, a multiple of 8
     * @param width scales the numbers of channels: 8 gives 24, 48, 64, 64 and 96
     */
    record Frames(int numFrames, int side, int width) implements Source {
        private int grid() {
            return side / 8;
        }

        @Override
        public int numPlaces() {
            return grid() * grid();
        }

        @Override
        public int placeChannels() {
            return 12 * width;
        }

        private int frameChannels() {
            return 8 * width;
        }

        @Override
        public int summaryChannels() {
            return 2 * placeChannels() + 2 * frameChannels();
        }

        @Override
        public int inputRows() {
            return numFrames * side * side;
        }

        @Override
        public void addTo(GraphBuilder graph) {
            int narrow = 4 * width;
            graph.addLayer("frame1", convolution(side, Pictures.CHANNELS, 5, 2, 3 * width, true), SEEN);
            graph.addLayer("frame2", convolution(side / 2, 3 * width, 3, 2, 6 * width, false), "frame1");
            graph.addLayer("frame3", convolution(side / 4, 6 * width, 3, 2, frameChannels(), false), "frame2");
            graph.addLayer("frame4", convolution(grid(), frameChannels(), 3, 1, frameChannels(), false), "frame3");
            graph.addLayer("narrow", dense(frameChannels(), narrow, Activation.IDENTITY), "frame4");
            graph.addVertex("stacked", new RowVertex(new RowOperation.StackFrames(numFrames, numPlaces())), "narrow");
            graph.addLayer("clip1", convolution(grid(), narrow * numFrames, 3, 1, placeChannels(), false), "stacked");
            graph.addLayer(PLACES, convolution(grid(), placeChannels(), 3, 1, placeChannels(), false), "clip1");
            graph.addLayer(KEYS, dense(placeChannels(), placeChannels(), Activation.IDENTITY), PLACES);
            graph.addVertex("ofPlaces", new RowVertex(new RowOperation.Pool(numPlaces())), PLACES);
            graph.addVertex("ofFrames", new RowVertex(new RowOperation.Pool(numFrames * numPlaces())), "frame4");
            graph.addVertex(SUMMARY, new MergeVertex(), "ofPlaces", "ofFrames");
        }

        private static Convolution convolution(
                int side, int channels, int kernel, int stride, int numOut, boolean isFirst) {
            return new Convolution(new Convolution.Geometry(side, side, channels, kernel, stride), numOut, isFirst);
        }
    }

    /**
     * The tokens of a short prompt, padded to one length.
     *
     * @param words number of tokens in the vocabulary
     */
    public record Prompt(int words) implements Source {
        /** P, the number of tokens that the network sees; later tokens are cut off. */
        public static final int NUM_TOKENS = 32;

        private static final int CHANNELS = 96;

        @Override
        public int numPlaces() {
            return NUM_TOKENS;
        }

        @Override
        public int placeChannels() {
            return CHANNELS;
        }

        @Override
        public int summaryChannels() {
            return 2 * CHANNELS;
        }

        @Override
        public int inputRows() {
            return NUM_TOKENS;
        }

        @Override
        public void addTo(GraphBuilder graph) {
            graph.addLayer("read", embedding(words, CHANNELS), SEEN);
            Convolution.Geometry neighbours = new Convolution.Geometry(1, NUM_TOKENS, CHANNELS, 3, 1);
            graph.addLayer(PLACES, new Convolution(neighbours, CHANNELS, false), "read");
            graph.addLayer(KEYS, dense(CHANNELS, CHANNELS, Activation.IDENTITY), PLACES);
            graph.addVertex(SUMMARY, new RowVertex(new RowOperation.Pool(NUM_TOKENS)), PLACES);
        }
    }

    /**
     * Makes the whole network, with weights to begin a training.
     *
     * @param seed of the weights
     * @param learningRate at each step
     * @return the graph
     */
    public ComputationGraph start(long seed, ISchedule learningRate) {
        // For a seed of 0 ND4J's generator uses the time.
        ComputationGraph graph = new ComputationGraph(training(2 * seed + 1, learningRate));
        graph.init();
        return graph;
    }

    private ComputationGraphConfiguration training(long seed, ISchedule learningRate) {
        GraphBuilder graph = builder(seed, new Adam(learningRate)).addInputs(SEEN, WINDOWS, SUBJECTS);
        source.addTo(graph);
        addDecoder(graph);
        return graph.setOutputs(NEXT).build();
    }

    ComputationGraphConfiguration encoder() {
        GraphBuilder graph = builder(1, new NoOp()).addInputs(SEEN);
        source.addTo(graph);
        return graph.setOutputs(KEYS, PLACES, SUMMARY).build();
    }

    ComputationGraphConfiguration decoder() {
        GraphBuilder graph = builder(1, new NoOp()).addInputs(KEYS, PLACES, SUMMARY, WINDOWS, SUBJECTS);
        addDecoder(graph);
        return graph.setOutputs(NEXT).build();
    }

    private void addDecoder(GraphBuilder graph) {
        graph.addLayer("embedding", embedding(words, EMBEDDING), WINDOWS);
        graph.addVertex("window", new RowVertex(new RowOperation.Join(window)), "embedding");
        graph.addLayer("text", dense(window * EMBEDDING, HIDDEN, Activation.RELU), "window");
        graph.addLayer("query", dense(HIDDEN, source.placeChannels(), Activation.IDENTITY), "text");
        graph.addVertex(
                "found", new RowVertex(new RowOperation.Attend(source.numPlaces())), "query", KEYS, PLACES, SUBJECTS);
        graph.addVertex("about", new RowVertex(new RowOperation.OfSubject()), SUMMARY, SUBJECTS);
        graph.addVertex("all", new MergeVertex(), "text", "found", "about");
        int numAll = HIDDEN + source.placeChannels() + source.summaryChannels();
        graph.addLayer("deep", dense(numAll, DEEP, Activation.RELU), "all");
        graph.addLayer(
                NEXT,
                new OutputLayer.Builder(new LossSparseMCXENT())
                        .nIn(DEEP)
                        .nOut(words)
                        .activation(Activation.SOFTMAX)
                        .build(),
                "deep");
    }

    private static GraphBuilder builder(long seed, IUpdater updater) {
        return new NeuralNetConfiguration.Builder()
                .seed(seed)
                .dataType(DataType.FLOAT)
                .weightInit(WeightInit.RELU)
                .updater(updater)
                // The training divides by the number of tokens.
                .miniBatch(false)
                .graphBuilder();
    }

    private static EmbeddingLayer embedding(int numIn, int numOut) {
        return new EmbeddingLayer.Builder()
                .nIn(numIn)
                .nOut(numOut)
                .activation(Activation.IDENTITY)
                .weightInit(WeightInit.LECUN_NORMAL)
                .hasBias(false)
                .build();
    }

    private static DenseLayer dense(int numIn, int numOut, Activation activation) {
        return new DenseLayer.Builder()
                .nIn(numIn)
                .nOut(numOut)
                .activation(activation)
                .weightInit(activation == Activation.RELU ? WeightInit.RELU : WeightInit.LECUN_NORMAL)
                .build();
    }
}
