package io.kinema.recaption.show;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.data.shard.Caption;
import io.kinema.recaption.TinyData;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser: what it shows for which link, and what happens when somebody uses it. */
class ShowPageBrowserTest {
    private static final String ATTACK =
            "a red wall</script></script ><img src=x onerror=\"document.title='owned'\"> & <b>bold</b>";
    private static final String POLICY = "<meta http-equiv=\"Content-Security-Policy\"";

    /** The new captions of each clip; the second has none of style short, the last none at all. */
    private static final Map<String, List<Caption>> WRITTEN = Map.of(
            "red.mp4#0",
            List.of(
                    TinyData.written("red", "short", 0.9),
                    TinyData.written("a wall that is red all over", "detailed", 0.3)),
            "sky.mp4#0",
            List.of(TinyData.written("the SKY, Red at dawn", "detailed", 0.2)),
            "sea.mp4#2",
            List.of(TinyData.written("the sea", "short", 0.1), TinyData.written("a blue sea (c++)", "detailed", 0.8)),
            "sea.mp4#10",
            List.of(
                    TinyData.written("reddish sea", "short", 0.5),
                    TinyData.written("a sea, nearly red", "detailed", 0.6)),
            "none.mp4#0",
            List.of());

    @TempDir
    static Path folder;

    private static Browser browser;
    private static Path page;

    @BeforeAll
    static void show() throws IOException {
        browser = Browser.find(folder);
        page = folder.resolve("page.html");
        new TinyData(8, 16, 24)
                .solid("red.mp4#0", 0xff0000, ATTACK)
                .gradient("sky.mp4#0", 0xffffff, 0x0000ff, "the sky\nabove")
                .solid("sea.mp4#10", 0x0000c0, "the sea")
                .solid("sea.mp4#2", 0x0000ff, "the sea")
                .solid("none.mp4#0", 0)
                .write(folder.resolve("prepared"));
        TinyData.caption(folder.resolve("prepared"), folder.resolve("captioned"), clip -> WRITTEN.get(clip.id()));
        ShowCommand.run("--data", folder.resolve("captioned").toString(), "--output", page.toString());
    }

    private static String dom(String hash) throws Exception {
        return browser.dom(page.toUri() + hash);
    }

    /** The page after a script has used it, which the page as it is would not run. */
    private static String domAfter(String script, String hash) throws Exception {
        String html = Files.readString(page);
        int policy = html.indexOf(POLICY);
        html = html.substring(0, policy) + html.substring(html.indexOf('\n', policy));
        Path used = folder.resolve("used.html");
        Files.writeString(used, html.replace("</body>", "<script>" + script + "</script></body>"));
        return browser.dom(used.toUri() + hash);
    }

    /** What the page shows for an address. */
    private record View(List<String> ids, String count, String empty, String html) {}

    /** What one page shows for one address after another. */
    private static List<View> visit(String... hashes) throws Exception {
        String addresses = new ObjectMapper().writeValueAsString(hashes);
        String dom = domAfter("""
                const seen = %s.map(hash => {
                  location.hash = hash;
                  follow();
                  const {count, empty, clips} = Object.fromEntries(
                    ['count', 'empty', 'clips'].map(id => [id, document.getElementById(id)]));
                  const ids = [...clips.children].map(clip => clip.dataset.id);
                  const message = empty.hidden ? '' : empty.textContent;
                  return {ids, count: count.textContent, empty: message, html: clips.innerHTML};
                });
                document.body.append(make('pre', {id: 'seen'}, JSON.stringify(seen)));
                """.formatted(addresses), "");
        String seen = all("<pre id=\"seen\">([^<]*)</pre>", dom).getFirst();
        String json = seen.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&nbsp;", "\u00a0")
                .replace("&amp;", "&");
        return new ObjectMapper().readValue(json, new TypeReference<>() {});
    }

    private static List<String> all(String pattern, String text) {
        List<String> found = new ArrayList<>();
        Matcher matcher = Pattern.compile(pattern, Pattern.DOTALL).matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        return found;
    }

    private static List<String> ids(String dom) {
        return all("<article class=\"clip\" data-id=\"([^\"]*)\"", dom);
    }

    private static String count(String dom) {
        return all("id=\"count\"[^>]*>([^<]*)<", dom).getFirst();
    }

    private static Set<String> marks(String dom) {
        return new HashSet<>(all("<mark>([^<]*)</mark>", dom));
    }

    @Test
    void shouldShowEveryClipWithItsCaptions() throws Exception {
        String dom = dom("");
        assertEquals(List.of("none.mp4#0", "red.mp4#0", "sea.mp4#2", "sea.mp4#10", "sky.mp4#0"), ids(dom));
        assertEquals("5 clips", count(dom));
        assertEquals(
                20,
                all("<img width=\"24\" height=\"16\" alt=\"(frame \\d)\" src=\"data:image/jpeg;base64,", dom)
                        .size());
        assertTrue(dom.contains("<td class=\"text\" dir=\"auto\">the sky\nabove</td>"), dom);
        assertTrue(dom.contains("8×16×24 · 8 frames/s · 1.0 s"), dom);
        assertTrue(dom.contains("<p class=\"none\">No caption.</p>"), dom);
        assertTrue(dom.contains(">01234567…</button>"), dom);
        assertTrue(dom.contains("title=\"" + "0123456789abcdef".repeat(4)), dom);
        assertEquals(Set.of(), marks(dom));
        assertTrue(dom.contains("<title>Captions of captioned</title>"), dom);
        String kinds = all("id=\"kinds\">(.*?)</table>", dom).getFirst();
        assertEquals(List.of("original", "short", "detailed"), all("<a [^>]*>([^<]*)</a>", kinds));
        assertEquals(List.of("4", "3", "4"), all("<td class=\"number\">([^<]*)</td>", kinds));
        assertEquals(List.of("0.50", "0.48"), all("<span class=\"confidence\">([^<]*)<", kinds));
    }

    @Test
    void shouldNotRunWhatACaptionSays() throws Exception {
        // Without the policy, which is there in case that this is wrong.
        String dom = domAfter("", "");
        assertFalse(dom.contains("owned</title>"), dom);
        assertFalse(dom.contains("<img src=\"x\""), dom);
        assertTrue(
                dom.contains(
                        "a red wall&lt;/script&gt;&lt;/script &gt;&lt;img src=x onerror=\"document.title='owned'\"&gt;"
                                + " &amp; &lt;b&gt;bold"),
                dom);
    }

    @Test
    void shouldShowWhatALinkAsksFor() throws Exception {
        String dom = dom("#q=red+SEA&style=short&origin=dl4j&min=0.2&max=0.6&sort=longest");
        assertEquals(List.of("sea.mp4#10"), ids(dom));
        assertEquals("1 of 5 clips", count(dom));
        assertEquals(Set.of("red", "sea"), marks(dom));
        assertEquals(List.of("0.20"), all("<output name=\"minOut\">([^<]*)<", dom));
        assertEquals(List.of("0.60"), all("<output name=\"maxOut\">([^<]*)<", dom));
    }

    @Test
    void shouldFindClipsThatHaveEveryWord() throws Exception {
        List<View> views = visit("#q=red+SEA", "#q=%28c%2B%2B%29", "#q=mp4%232", "#q=+", "#q=sky+red");
        assertEquals(List.of("sea.mp4#10"), views.get(0).ids());
        assertEquals(Set.of("red", "sea"), marks(views.get(0).html()));
        assertEquals(List.of("sea.mp4#2"), views.get(1).ids(), "signs that patterns give a meaning to");
        assertEquals(Set.of("(c++)"), marks(views.get(1).html()));
        assertEquals(List.of("sea.mp4#2"), views.get(2).ids(), "ids");
        assertEquals("5 clips", views.get(3).count());
        assertEquals(List.of("sky.mp4#0"), views.get(4).ids(), "words of different captions");
    }

    @Test
    void shouldFindWordsInTheCaptionsThatAreMeant() throws Exception {
        List<View> views = visit(
                "#q=red&style=short",
                "#style=detailed&origin=dl4j&min=0.2&max=0.3",
                "#origin=txt&q=wall",
                "#min=0.9&style=short");
        assertEquals(List.of("red.mp4#0", "sea.mp4#10"), views.get(0).ids());
        String html = views.get(0).html();
        assertTrue(html.contains("<mark>red</mark>dish sea"), html);
        assertTrue(
                html.contains("<tr class=\"aside\"><th scope=\"row\">detailed</th>"
                        + "<td class=\"text\" dir=\"auto\">a wall that is red"),
                html);
        assertEquals(List.of("red.mp4#0", "sky.mp4#0"), views.get(1).ids());
        assertEquals(List.of("red.mp4#0"), views.get(2).ids());
        assertEquals(List.of("red.mp4#0"), views.get(3).ids());
    }

    @Test
    void shouldSortByConfidenceAndLength() throws Exception {
        List<View> views = visit("#sort=confidence", "#style=detailed&sort=confidence", "#style=detailed&sort=longest");
        assertEquals(
                List.of("sea.mp4#2", "sky.mp4#0", "red.mp4#0", "sea.mp4#10", "none.mp4#0"),
                views.get(0).ids());
        assertEquals(
                List.of("sky.mp4#0", "red.mp4#0", "sea.mp4#10", "sea.mp4#2"),
                views.get(1).ids());
        assertEquals(
                List.of("red.mp4#0", "sky.mp4#0", "sea.mp4#10", "sea.mp4#2"),
                views.get(2).ids());
    }

    @Test
    void shouldFindClipsThatLackAStyle() throws Exception {
        List<View> views = visit("#lacks=short", "#lacks=original", "#lacks=*");
        assertEquals(List.of("none.mp4#0", "sky.mp4#0"), views.get(0).ids());
        assertEquals(
                List.of("lacks original, short, detailed", "lacks short"),
                all("<span class=\"lacks\">([^<]*)<", views.get(0).html()));
        assertEquals(List.of("none.mp4#0"), views.get(1).ids());
        assertEquals(List.of("none.mp4#0", "sky.mp4#0"), views.get(2).ids());
    }

    @Test
    void shouldSayThatNothingIsLikeThat() throws Exception {
        List<View> views =
                visit("#q=zebra", "#style=poem", "#max=0.05", "#sort=toString&min=2&max=x&nonsense=1&__proto__=2");
        for (View view : views.subList(0, 3)) {
            assertEquals(List.of(), view.ids());
            assertEquals("0 of 5 clips", view.count());
            assertEquals(
                    "None of the 5 clips on this page is like that. Clear the filters to see them again.",
                    view.empty());
        }
        assertEquals(5, views.get(3).ids().size(), "what is no filter leaves nothing out");
        assertEquals("", views.get(3).empty());
    }

    @Test
    void shouldPutWhatIsTypedIntoTheAddress() throws Exception {
        String dom = domAfter("""
                const field = document.querySelector('[name=q]');
                field.value = 'red (c++) & 100%';
                document.querySelector('[name=style]').value = 'detailed';
                document.querySelector('[name=max]').value = '0.3';
                field.dispatchEvent(new Event('input', {bubbles: true}));
                setTimeout(() => { document.body.dataset.hash = location.hash; }, 1000);
                """, "#sort=longest");
        assertTrue(
                dom.contains("data-hash=\"#q=red+%28c%2B%2B%29+%26+100%25"
                        + "&amp;style=detailed&amp;max=0.3&amp;sort=longest\""),
                dom);
        assertEquals("0 of 5 clips", count(dom));
    }

    @Test
    void shouldFollowALinkAndClearFilters() throws Exception {
        String dom = domAfter("""
                document.querySelectorAll('#kinds a')[1].click();
                setTimeout(() => {
                  document.body.dataset.hash = location.hash;
                  document.body.dataset.numClips = document.querySelectorAll('article').length;
                  document.getElementById('clear').click();
                }, 500);
                """, "#q=sky");
        assertTrue(dom.contains("data-hash=\"#style=short&amp;origin=dl4j\" data-num-clips=\"3\""), dom);
        assertEquals("5 clips", count(dom));
    }

    @Test
    void shouldPlayTheFramesOfAClip() throws Exception {
        String dom = domAfter("""
                document.querySelector('[data-id="sky.mp4#0"] .frames img:nth-child(3)').click();
                const at = [document.getElementById('at').textContent];
                setTimeout(() => {
                  at.push(document.getElementById('at').textContent);
                  document.querySelector('[data-do=previous]').click();
                }, 300);
                setTimeout(() => {
                  at.push(document.getElementById('at').textContent);
                  document.body.dataset.at = at.join();
                }, 2000);
                """, "");
        assertTrue(dom.contains("<dialog id=\"player\" aria-labelledby=\"playing\" open=\"\""), dom);
        assertTrue(dom.contains("<h2 id=\"playing\">sky.mp4#0</h2>"), dom);
        assertTrue(dom.contains("data-at=\"frame 5 of 8,frame 8 of 8,frame 5 of 8\""), dom);
    }

    @Test
    void shouldDrawClipsAsTheyAreScrolledTo() throws Exception {
        Path many = folder.resolve("many");
        TinyData clips = new TinyData(2, 8, 8);
        for (int i = 0; i < 70; i++) {
            clips.solid("clip-" + i + ".mp4#0", i, "number " + i);
        }
        clips.write(many);
        Path manyPage = folder.resolve("many.html");
        ShowCommand.run("--data", many.toString(), "--output", manyPage.toString());
        String dom = browser.dom(manyPage.toUri().toString());
        assertEquals("70 clips", count(dom));
        assertTrue(ids(dom).size() < 70, ids(dom).size() + " clips are drawn at once");
        assertTrue(dom.contains("id=\"more\""), dom);
    }

    @Test
    void shouldLookLikeSomething() throws Exception {
        Path png = folder.resolve("page.png");
        browser.screenshot(page.toUri().toString(), png);
        BufferedImage picture = ImageIO.read(png.toFile());
        assertEquals(1400, picture.getWidth());
        Set<Integer> colours = new HashSet<>();
        int numRed = 0;
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                int rgb = picture.getRGB(x, y);
                colours.add(rgb);
                numRed += (rgb >> 16 & 0xff) > 240 && (rgb >> 8 & 0xff) < 20 && (rgb & 0xff) < 20 ? 1 : 0;
            }
        }
        assertTrue(colours.size() > 50, colours.size() + " colours");
        assertTrue(numRed > 4 * 16 * 24 / 2, numRed + " red pixels of four red frames");
    }
}
