package io.kinema.data.shard;

/**
 * What a clip shows, in words, and where the words are from.
 *
 * @param text the caption
 * @param origin where it was found: {@code txt}, {@code json}, {@code captions.csv}, {@code captions.jsonl}, or the kind of
 *     model that wrote it
 * @param model the model that wrote it; empty for a caption that came with the source
 * @param promptHash SHA-256 of what the model was asked, in hex; empty for a caption that came with the source
 */
public record Caption(String text, String origin, String model, String promptHash) {}
