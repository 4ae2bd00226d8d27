// A clip on the page: its frames, and its captions in a table.

const FIGURES_OF_HASH = 8;

/** The text in nodes, what the pattern finds marked; null marks nothing. */
function marked(text, pattern) {
  const nodes = [];
  let end = 0;
  for (const found of pattern ? text.matchAll(pattern) : []) {
    nodes.push(text.slice(end, found.index), make('mark', {}, found[0]));
    end = found.index + found[0].length;
  }
  nodes.push(text.slice(end));
  return nodes.filter(node => node !== '');
}

/** A model's name with the digest in it cut short; whole where the pointer is, and for good when pressed. */
function modelName(caption) {
  const short = caption.model.replace(/[0-9a-f]{16,}/giu, digest => digest.slice(0, FIGURES_OF_HASH) + '…');
  const asked = caption.promptHash ? '\nasked with ' + caption.promptHash : '';
  if (short === caption.model) {
    return make('span', {class: 'model', title: caption.model + asked}, caption.model);
  }
  const title = caption.model + asked;
  const name = make('button', {type: 'button', class: 'model', title, 'aria-expanded': 'false'}, short);
  name.addEventListener('click', () => {
    const whole = name.textContent === short;
    name.textContent = whole ? caption.model : short;
    name.setAttribute('aria-expanded', whole);
  });
  return name;
}

function captionRow(caption, view, pattern) {
  const meant = isMeant(caption, view);
  const isOriginal = caption.style === ORIGINAL;
  return make('tr', {class: meant ? '' : 'aside'},
    make('th', {scope: 'row'}, caption.style),
    make('td', {class: 'text', dir: 'auto'}, ...marked(caption.text, meant ? pattern : null)),
    make('td', {class: 'from'}, make('span', {class: 'origin'}, caption.origin), ' ', modelName(caption)),
    make('td', {class: 'sure'}, isOriginal ? '' : confidenceBar(caption.confidence)));
}

function captionTable(clip, view, pattern) {
  if (clip.captions.length === 0) {
    return make('p', {class: 'none'}, 'No caption.');
  }
  const titles = ['Style', 'Caption', 'Origin and model', 'Confidence'];
  return make('table', {class: 'captions'},
    make('thead', {class: 'unseen'}, make('tr', {}, ...titles.map(title => make('th', {scope: 'col'}, title)))),
    make('tbody', {}, ...clip.captions.map(caption => captionRow(caption, view, pattern))));
}

/** T×H×W, and how long that is. */
function sizeOf(clip) {
  const parts = [clip.sizeTHW.join('×')];
  if (clip.frameRateHz > 0) {
    const seconds = clip.sizeTHW[0] / clip.frameRateHz;
    parts.push(Number(clip.frameRateHz.toFixed(2)) + ' frames/s', seconds.toFixed(1) + ' s');
  } else {
    parts.push('image');
  }
  if (clip.licence) {
    parts.push(clip.licence);
  }
  return parts.join(' · ');
}

function frameStrip(clip) {
  const many = clip.frameIndices.length > 1;
  const strip = make('button', {
    type: 'button',
    class: 'frames',
    title: many ? 'Play the frames, larger' : 'Show it larger',
    'aria-label': (many ? 'Play the frames of ' : 'Show larger ') + clip.id,
  });
  framesOf(clip).forEach((frame, at) => {
    const picture = make('img', {
      width: clip.pictureWidth, height: clip.pictureHeight, alt: 'frame ' + (clip.frameIndices[at] + 1)});
    picture.src = frame;
    strip.append(picture);
  });
  strip.addEventListener('click', event => {
    const at = [...strip.children].indexOf(event.target);
    openPlayer(clip, Math.max(0, at));
  });
  return strip;
}

function clipCard(clip, view, pattern) {
  const about = make('p', {class: 'size', title: 'frames × rows × columns'}, sizeOf(clip));
  if (clip.lacks.length > 0) {
    about.append(make('span', {class: 'lacks'}, 'lacks ' + clip.lacks.join(', ')));
  }
  return make('article', {class: 'clip', 'data-id': clip.id},
    make('header', {}, make('h2', {}, ...marked(clip.id, pattern)), about),
    frameStrip(clip),
    captionTable(clip, view, pattern));
}
