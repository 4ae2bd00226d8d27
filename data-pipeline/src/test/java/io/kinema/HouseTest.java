package io.kinema;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rules of CONTRIBUTING.md that a machine can check: lengths of lines, files and sentences, names, and links. */
final class HouseTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final int MAX_COLUMNS = 120;
    private static final int MAX_LINES = 400;
    private static final int MAX_WORDS = 25;

    /** Folders that are made by building and running, and are not part of the project. */
    private static final Set<String> NOT_OURS = Set.of(".git", "target", "data", "runs", "models", "sweeps", "videos");

    private static final Pattern TEXT =
            Pattern.compile(".*\\.(java|md|sh|py|c|js|css|html|xml|args|txt|yaml|sbatch|properties|compiler)");
    private static final Pattern CODE = Pattern.compile(".*\\.(java|sh|py|c|js|css|html)");
    private static final Pattern PATTERN_NAME =
            Pattern.compile(".*(Manager|Helper|Utils?|Impl|Base|Factory|V2)\\.java");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#\\s]*)(?:#([^)\\s]*))?\\)");
    private static final Pattern SOURCE =
            Pattern.compile("(data-pipeline|trainer|recaption|benchmarks)/src/(main|test)/java/(.+)/[^/]+\\.java");
    private static final Pattern SENTENCE_END = Pattern.compile("(?<=[.!?:]|[.!?:]\\*\\*|[.!?:]\\))\\s+");

    @Test
    void shouldHaveNoLineOver120Columns() throws IOException {
        List<String> wide = new ArrayList<>();
        for (Path file : files(TEXT)) {
            List<String> lines = Files.readAllLines(file);
            for (int i = 0; i < lines.size(); i++) {
                String line = lines.get(i);
                if (line.codePointCount(0, line.length()) > MAX_COLUMNS && !isUnbreakable(line)) {
                    wide.add(ROOT.relativize(file) + ":" + (i + 1));
                }
            }
        }
        assertEquals(List.of(), wide);
    }

    /** An address alone cannot be wrapped. */
    private static boolean isUnbreakable(String line) {
        return line.strip().matches("\\S*https?://\\S*");
    }

    @Test
    void shouldHaveNoFileOfCodeOver400Lines() throws IOException {
        List<String> longFiles = new ArrayList<>();
        for (Path file : files(CODE)) {
            int numLines = Files.readAllLines(file).size();
            if (numLines > MAX_LINES) {
                longFiles.add(ROOT.relativize(file) + ": " + numLines);
            }
        }
        assertEquals(List.of(), longFiles);
    }

    @Test
    void shouldNameClassesForWhatTheyHoldAndNotForAPattern() throws IOException {
        assertEquals(List.of(), files(PATTERN_NAME));
    }

    @Test
    void shouldHaveNoSentenceOver25WordsInTheDocs() throws IOException {
        List<String> longSentences = new ArrayList<>();
        for (Path page : pages()) {
            for (String sentence : sentences(Files.readAllLines(page))) {
                if (sentence.split("\\s+").length > MAX_WORDS) {
                    longSentences.add(ROOT.relativize(page) + ": " + sentence);
                }
            }
        }
        assertEquals("", String.join("\n", longSentences));
    }

    @Test
    void shouldLinkOnlyToPagesThatExist() throws IOException {
        List<String> dead = new ArrayList<>();
        for (Path page : pages()) {
            Matcher link = LINK.matcher(Files.readString(page));
            while (link.find()) {
                Path target = link.group(1).isEmpty()
                        ? page
                        : page.resolveSibling(link.group(1)).normalize();
                boolean isOurs = !link.group(1).contains("://");
                if (isOurs && !(Files.exists(target) && hasHeading(target, link.group(2)))) {
                    dead.add(ROOT.relativize(page) + " -> " + link.group());
                }
            }
        }
        assertEquals(List.of(), dead);
    }

    /** An anchor is a heading in small letters, without punctuation, its spaces as dashes. */
    private static boolean hasHeading(Path page, String anchor) throws IOException {
        return anchor == null
                || Files.readAllLines(page).stream()
                        .filter(line -> line.startsWith("#"))
                        .map(line -> line.replaceFirst("#+ ", "").toLowerCase(Locale.ROOT))
                        .map(heading ->
                                heading.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'))
                        .anyMatch(anchor::equals);
    }

    @Test
    void shouldHaveNoSourceThatNoBuildReads() throws IOException {
        List<String> lost = new ArrayList<>();
        for (Path file : files(Pattern.compile(".*\\.java"))) {
            Matcher source = SOURCE.matcher(ROOT.relativize(file).toString());
            boolean isInItsPackage = source.matches()
                    && Files.readString(file)
                            .contains("package " + source.group(3).replace('/', '.') + ";");
            if (!isInItsPackage && !isNamedByAScript(file)) {
                lost.add(ROOT.relativize(file).toString());
            }
        }
        assertEquals(List.of(), lost);
    }

    /** A script beside a source may run it as it is. */
    private static boolean isNamedByAScript(Path source) throws IOException {
        try (Stream<Path> beside = Files.list(source.getParent())) {
            for (Path script :
                    beside.filter(file -> file.toString().endsWith(".sh")).toList()) {
                if (Files.readString(script).contains("/" + source.getFileName() + "\"")) {
                    return true;
                }
            }
        }
        return false;
    }

    @Test
    void shouldTakeApartSentencesAsAReaderDoes() {
        String words = "word ".repeat(MAX_WORDS + 1).strip();

        assertEquals(List.of("See code.", words + "."), sentences(List.of("See `a. b`.", "", words + ".")));
        assertEquals(List.of("one", "two three"), sentences(List.of("- one", "- two", "  three")));
        assertEquals(List.of(), sentences(List.of("# " + words, "| " + words + " |", "```", words, "```")));
    }

    private static List<Path> pages() throws IOException {
        return files(Pattern.compile(".*\\.md"));
    }

    /** What a reader reads in one breath; tables, headings and blocks of code are not prose. */
    private static List<String> sentences(List<String> lines) {
        List<String> sentences = new ArrayList<>();
        StringBuilder paragraph = new StringBuilder();
        boolean isCode = false;
        for (String line : lines) {
            String text = line.strip();
            if (text.startsWith("```")) {
                isCode = !isCode;
            }
            boolean isProse = !isCode && !text.isEmpty() && !text.startsWith("```") && !text.matches("[#|<>].*");
            boolean isItem = text.matches("([-*]|\\d+\\.) .*");
            if (!isProse || isItem) {
                end(paragraph, sentences);
            }
            if (isProse) {
                paragraph
                        .append(isItem ? text.replaceFirst("([-*]|\\d+\\.) ", "") : text)
                        .append(' ');
            }
        }
        end(paragraph, sentences);
        return sentences;
    }

    private static void end(StringBuilder paragraph, List<String> sentences) {
        // A piece of code is one word, whatever is in it.
        String text = paragraph.toString().replaceAll("`[^`]*`", "code");
        for (String sentence : SENTENCE_END.split(text.strip())) {
            if (!sentence.isBlank()) {
                sentences.add(sentence);
            }
        }
        paragraph.setLength(0);
    }

    private static List<Path> files(Pattern name) throws IOException {
        List<Path> found = new ArrayList<>();
        collect(ROOT, name, found);
        return found;
    }

    private static void collect(Path folder, Pattern name, List<Path> found) throws IOException {
        List<Path> entries;
        try (Stream<Path> list = Files.list(folder)) {
            entries = list.sorted().toList();
        }
        for (Path entry : entries) {
            String entryName = entry.getFileName().toString();
            // Sources have packages named data and models too.
            boolean isOurs =
                    !NOT_OURS.contains(entryName) || entry.toString().contains("/src/") && !entryName.equals("target");
            if (Files.isDirectory(entry) && isOurs) {
                collect(entry, name, found);
            } else if (Files.isRegularFile(entry) && name.matcher(entryName).matches()) {
                found.add(entry);
            }
        }
    }
}
