// Which clips are shown and in which order. A view is what the address has behind its #, so that a link gives it back.

const EVERYTHING = {q: '', style: '', origin: '', lacks: '', min: 0, max: 1, sort: 'id'};

/** The view that an address asks for; what it does not say, or says wrongly, is as in EVERYTHING. */
function viewOf(hash) {
  const view = {...EVERYTHING};
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ''))) {
    if (name === 'min' || name === 'max') {
      const number = Number.parseFloat(value);
      view[name] = number >= 0 && number <= 1 ? number : EVERYTHING[name];
    } else if (name === 'sort') {
      view.sort = Object.hasOwn(ORDERS, value) ? value : EVERYTHING.sort;
    } else if (Object.hasOwn(EVERYTHING, name)) {
      view[name] = value;
    }
  }
  return view;
}

function hashOf(view) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(view)) {
    if (value !== EVERYTHING[name]) {
      parameters.set(name, value);
    }
  }
  return '#' + parameters;
}

/** Whether a caption is one of those that the view is about. */
function isMeant(caption, view) {
  // At the ends of the scale there is no bound.
  return (!view.style || caption.style === view.style)
    && (!view.origin || caption.origin === view.origin)
    && (view.min === 0 || caption.confidence >= view.min)
    && (view.max === 1 || caption.confidence <= view.max);
}

function meantOf(clip, view) {
  return clip.captions.filter(caption => isMeant(caption, view));
}

function wordsOf(view) {
  return view.q.split(/\s+/u).filter(word => word);
}

/** A pattern that finds each of the words; of two that begin at one place the longer. */
function patternOf(words) {
  const longestFirst = [...words].sort((a, b) => b.length - a.length);
  const quoted = longestFirst.map(word => word.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&'));
  return new RegExp(quoted.join('|'), 'giu');
}

/** A clip is shown if it has a caption that is meant, and every word is in one of these or in the id. */
function isShown(clip, view, patterns) {
  const meant = meantOf(clip, view);
  const asksForCaption = view.style || view.origin || view.min > 0 || view.max < 1;
  if (asksForCaption && meant.length === 0) {
    return false;
  }
  if (view.lacks && !(view.lacks === '*' ? clip.lacks.length > 0 : clip.lacks.includes(view.lacks))) {
    return false;
  }
  const texts = [clip.id, ...meant.map(caption => caption.text)];
  return patterns.every(pattern => texts.some(text => text.search(pattern) >= 0));
}

/** What clips are sorted by, smallest first; those that are equal stay in the order of their ids. */
const ORDERS = {
  id: () => 0,
  confidence: (clip, view) => Math.min(...meantOf(clip, view).map(caption => caption.confidence)),
  longest: (clip, view) => -Math.max(0, ...meantOf(clip, view).map(caption => caption.text.length)),
};

function shownClips(view) {
  const patterns = wordsOf(view).map(word => patternOf([word]));
  const shown = clips.filter(clip => isShown(clip, view, patterns));
  const keys = new Map(shown.map(clip => [clip, ORDERS[view.sort](clip, view)]));
  // Of two infinite keys, those of clips without a caption, the difference is no number.
  return shown.sort((a, b) => keys.get(a) === keys.get(b) ? 0 : keys.get(a) - keys.get(b));
}
