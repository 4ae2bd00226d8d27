package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox;
import io.kinema.data.shard.Caption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which of a clip's captions is trained on, as in {@code --caption-mix}: each style has a share of the clips that have
 * a caption of it.
 *
 * @param dropout the share of clips that lose their caption, for guidance (2207.12598)
 * @param shares of each style, not summing to anything in particular; none for the first caption always
 */
public record CaptionMix(double dropout, Map<String, Double> shares) {
    private static final List<String> STYLES = List.of(Caption.ORIGINAL, "short", "detailed");

    /** Checks the share, and keeps a copy of the others. */
    public CaptionMix {
        CommandLine.requireRange("--caption-dropout", dropout, 0, 1);
        shares = Collections.unmodifiableMap(new LinkedHashMap<>(shares));
    }

    /**
     * Reads the flags.
     *
     * @param dropout as in {@code --caption-dropout}
     * @param mix such as {@code original:0.05,detailed:0.75,short:0.2}; empty for the first caption always
     * @return the mix
     * @throws ConfigException if it names a style that is not known or twice, or has no share above 0
     */
    public static CaptionMix parse(double dropout, String mix) {
        Map<String, Double> shares = new LinkedHashMap<>();
        for (String part : mix.isBlank() ? new String[0] : mix.split(",", -1)) {
            int colon = part.indexOf(':');
            String style = part.substring(0, Math.max(0, colon)).strip();
            double share = colon < 0 ? -1 : share(part.substring(colon + 1));
            if (!STYLES.contains(style) || !(share >= 0 && share <= 1) || shares.put(style, share) != null) {
                throw new ConfigException("--caption-mix " + mix + ": '" + part + "' is not a style of "
                        + String.join(", ", STYLES) + ", once each, with a share of 0 to 1; give for instance"
                        + " original:0.05,detailed:0.75,short:0.2");
            }
        }
        if (!shares.isEmpty() && shares.values().stream().allMatch(share -> share == 0)) {
            throw new ConfigException("--caption-mix " + mix + " has no share above 0; give one a larger share");
        }
        return new CaptionMix(dropout, shares);
    }

    private static double share(String text) {
        try {
            return Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /**
     * Draws what the model is told of a clip.
     *
     * @param captions all of the clip
     * @param philox what is drawn from
     * @param step and {@code clip}: where it is drawn
     * @param clip see {@link Philox}
     * @return the text; empty where it is dropped, or the clip has no caption of any style in the mix
     */
    public String draw(List<Caption> captions, Philox philox, long step, long clip) {
        if (philox.uniform(Philox.Purpose.CAPTION_DROPOUT, step, clip, 0) < dropout) {
            return "";
        }
        double style = philox.uniform(Philox.Purpose.CAPTION_MIX, step, clip, 0);
        double which = philox.uniform(Philox.Purpose.CAPTION_MIX, step, clip, 1);
        return choose(captions, style, which);
    }

    /**
     * Chooses a caption.
     *
     * @param captions all of a clip
     * @param style uniform in [0, 1): which style, of those that the clip has
     * @param which uniform in [0, 1): which caption of that style
     * @return the text; empty where the clip has no caption of any style in the mix
     */
    String choose(List<Caption> captions, double style, double which) {
        if (shares.isEmpty()) {
            return captions.isEmpty() ? "" : captions.getFirst().text();
        }
        double sum = 0;
        for (Map.Entry<String, Double> share : shares.entrySet()) {
            sum += of(captions, share.getKey()).isEmpty() ? 0 : share.getValue();
        }
        double left = style * sum;
        List<Caption> chosen = List.of();
        for (Map.Entry<String, Double> share : shares.entrySet()) {
            List<Caption> ofStyle = of(captions, share.getKey());
            if (!ofStyle.isEmpty() && share.getValue() > 0 && left >= 0) {
                chosen = ofStyle;
                left -= share.getValue();
            }
        }
        return chosen.isEmpty() ? "" : chosen.get((int) (which * chosen.size())).text();
    }

    private static List<Caption> of(List<Caption> captions, String style) {
        return captions.stream()
                .filter(caption -> caption.style().equals(style))
                .toList();
    }
}
