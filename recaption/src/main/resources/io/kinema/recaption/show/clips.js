// What the page shows: the clips with their captions, and of these what every view needs.

const data = JSON.parse(document.getElementById('data').textContent);
const clips = data.clips;
const ORIGINAL = 'original';

/** An element with attributes and children. Strings become text, never markup: captions may hold anything. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** The values in the order in which captions have them, but those that came with the source first. */
function valuesOf(member) {
  const values = new Set(clips.flatMap(clip => clip.captions.map(caption => caption[member])));
  return [...values].sort((a, b) => (b === ORIGINAL) - (a === ORIGINAL));
}

const styles = valuesOf('style');
const origins = valuesOf('origin');

const byId = new Intl.Collator('en', {numeric: true});
clips.forEach((clip, index) => { clip.index = index; });
clips.sort((a, b) => byId.compare(a.id, b.id));
for (const clip of clips) {
  const has = new Set(clip.captions.map(caption => caption.style));
  clip.lacks = styles.filter(style => !has.has(style));
}

/** The frames of a clip as data URLs. They are most of the page, and taken apart only for clips that are looked at. */
function framesOf(clip) {
  const frames = JSON.parse(document.getElementById('frames-' + clip.index).textContent);
  return frames.map(frame => 'data:image/jpeg;base64,' + frame);
}

/** How many captions there are of each style and origin, and how sure they are. */
function kinds() {
  const found = new Map();
  for (const {style, origin, confidence} of clips.flatMap(clip => clip.captions)) {
    const key = JSON.stringify([style, origin]);
    const kind = found.get(key) ?? {style, origin, count: 0, sum: 0};
    kind.count++;
    kind.sum += confidence;
    found.set(key, kind);
  }
  const order = kind => styles.indexOf(kind.style) * origins.length + origins.indexOf(kind.origin);
  return [...found.values()].sort((a, b) => order(a) - order(b));
}

/** A number from 0 to 1 in figures and as a bar. */
function confidenceBar(confidence) {
  const filled = make('span', {});
  filled.style.width = 100 * Math.min(1, Math.max(0, confidence)) + '%';
  return make('span', {class: 'confidence'},
    confidence.toFixed(2), make('span', {class: 'bar', 'aria-hidden': 'true'}, filled));
}
