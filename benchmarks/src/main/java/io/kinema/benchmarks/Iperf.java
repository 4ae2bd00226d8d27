package io.kinema.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.util.List;

/**
 * One TCP stream from rank 0 to rank 1 of a link, by iperf3.
 *
 * @param link what it goes over
 */
record Iperf(Link link) implements Turn {
    private static final String PROGRAM = "iperf3";
    private static final int SECONDS = 2;
    private static final String LISTENING = "Server listening";

    /** Measures for {@link #SECONDS}; bits a second that came. */
    @Override
    public double take() throws IOException {
        List<String> server = link.at(1, List.of(PROGRAM, "-s", "-1", "--forceflush"));
        List<String> client =
                link.at(0, List.of(PROGRAM, "-c", link.addresses().get(1), "-t", Integer.toString(SECONDS), "-J"));
        try (PeerProgram receiver = PeerProgram.start(PROGRAM, new ProcessBuilder(server))) {
            String said = receiver.hear(LISTENING);
            while (!said.startsWith(LISTENING)) {
                said = receiver.hear(LISTENING);
            }
            Process sender = new ProcessBuilder(client).start();
            JsonNode answer = new ObjectMapper().readTree(sender.getInputStream());
            JsonNode rate = answer.path("end").path("sum_received").path("bits_per_second");
            if (!rate.isNumber()) {
                throw new ConfigException(
                        PROGRAM + " measured nothing: " + answer.path("error").asText() + "; is the link up?");
            }
            return rate.asDouble();
        }
    }
}
