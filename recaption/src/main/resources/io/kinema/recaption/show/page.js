// The page itself: what is said above, the controls, and as many clips as fit, more when they are scrolled to.

const CLIPS_AT_ONCE = 30;
const TYPING_MS = 120;

const controls = document.getElementById('controls');
const list = document.getElementById('clips');
const more = document.getElementById('more');
const shown = {view: EVERYTHING, clips: [], pattern: null, numDrawn: 0};

/** 1 clip, 2,000 clips. */
function counted(number, thing) {
  return number.toLocaleString('en') + ' ' + thing + (number === 1 ? '' : 's');
}

function tellAbout() {
  const name = data.location.replace(/\/+$/u, '').split('/').pop() || data.location;
  document.title = 'Captions of ' + name;
  document.getElementById('name').textContent = name;
  const parts = clips.length === data.numClips
    ? ['all ' + counted(data.numClips, 'clip')]
    : [clips.length.toLocaleString('en') + ' of ' + counted(data.numClips, 'clip') + ', spread evenly'];
  document.getElementById('place').append(
    make('strong', {}, ...parts), ' of ', make('code', {}, data.location),
    ...(data.framesFrom ? [', frames from ', make('code', {}, data.framesFrom)] : []));
  const rows = kinds().map(kind => {
    const link = make('a', {href: hashOf({...EVERYTHING, style: kind.style, origin: kind.origin})}, kind.style);
    return make('tr', {},
      make('th', {scope: 'row'}, link), make('td', {}, kind.origin),
      make('td', {class: 'number'}, kind.count.toLocaleString('en')),
      // Those that came with the source are sure by definition.
      make('td', {}, kind.style === ORIGINAL ? '–' : confidenceBar(kind.sum / kind.count)));
  });
  document.querySelector('#kinds tbody').replaceChildren(...rows);
  document.getElementById('kinds').hidden = rows.length === 0;
  const settings = [['manifest SHA-256', data.sha256], ...Object.entries(data.madeWith)];
  document.querySelector('#made dl').replaceChildren(
    ...settings.map(([setting, value]) => make('div', {}, make('dt', {}, setting), make('dd', {}, value))));
}

/** Puts values that the page has into a list to choose from; a link may also ask for one that it has not. */
function offer(select, values) {
  const known = new Set([...select.options].map(option => option.value));
  for (const value of values.filter(each => !known.has(each))) {
    select.add(new Option(value, value));
  }
}

function setControls(view) {
  for (const name of ['style', 'origin', 'lacks']) {
    offer(controls.elements[name], [view[name]]);
  }
  for (const [name, value] of Object.entries(view)) {
    // Not while it is typed in: the caret would jump, and a blank at the end would go.
    if (controls.elements[name].value !== String(value)) {
      controls.elements[name].value = value;
    }
  }
  controls.elements.minOut.value = view.min.toFixed(2);
  controls.elements.maxOut.value = view.max.toFixed(2);
}

function viewOfControls() {
  const view = {...EVERYTHING};
  for (const name of Object.keys(view)) {
    const value = controls.elements[name].value;
    view[name] = typeof view[name] === 'number' ? Number(value) : value;
  }
  return view;
}

function drawMore() {
  const next = shown.clips.slice(shown.numDrawn, shown.numDrawn + CLIPS_AT_ONCE);
  list.append(...next.map(clip => clipCard(clip, shown.view, shown.pattern)));
  shown.numDrawn += next.length;
  const left = shown.clips.length - shown.numDrawn;
  more.hidden = left === 0;
  more.textContent = 'Show ' + counted(Math.min(left, CLIPS_AT_ONCE), 'more clip') + ' of ' + left.toLocaleString('en');
}

function draw(view) {
  const words = wordsOf(view);
  Object.assign(shown, {
    view, clips: shownClips(view), pattern: words.length > 0 ? patternOf(words) : null, numDrawn: 0});
  list.replaceChildren();
  drawMore();
  const filters = {...view, sort: EVERYTHING.sort};
  document.getElementById('clear').hidden = hashOf(filters) === '#';
  document.getElementById('count').textContent = shown.clips.length === clips.length
    ? counted(clips.length, 'clip')
    : shown.clips.length.toLocaleString('en') + ' of ' + counted(clips.length, 'clip');
  const empty = document.getElementById('empty');
  empty.hidden = shown.clips.length > 0;
  empty.textContent = clips.length === 0
    ? 'This data set has no clips.'
    : 'None of the ' + counted(clips.length, 'clip') + ' on this page is like that.'
      + ' Clear the filters to see them again.';
}

function go(view) {
  // Not a step back for every letter that was typed.
  history.replaceState(null, '', hashOf(view));
  setControls(view);
  draw(view);
}

function follow() {
  const view = viewOf(location.hash);
  setControls(view);
  draw(view);
}

let typing = 0;
controls.addEventListener('input', event => {
  const {min, max} = controls.elements;
  if (Number(min.value) > Number(max.value)) {
    (event.target === min ? max : min).value = event.target.value;
  }
  controls.elements.minOut.value = Number(min.value).toFixed(2);
  controls.elements.maxOut.value = Number(max.value).toFixed(2);
  clearTimeout(typing);
  typing = setTimeout(() => go(viewOfControls()), TYPING_MS);
});
controls.addEventListener('submit', event => event.preventDefault());
document.getElementById('clear').addEventListener('click', () => {
  go({...EVERYTHING, sort: shown.view.sort});
  controls.elements.q.focus();
});
document.addEventListener('keydown', event => {
  if (event.key === '/' && !player.open && !event.target.closest('input, select, textarea')) {
    controls.elements.q.focus();
    event.preventDefault();
  }
});
addEventListener('hashchange', follow);
more.addEventListener('click', drawMore);
new IntersectionObserver(entries => {
  if (entries.some(entry => entry.isIntersecting) && !more.hidden) {
    drawMore();
  }
}, {rootMargin: '800px'}).observe(more);

tellAbout();
offer(controls.elements.style, styles);
offer(controls.elements.origin, origins);
offer(controls.elements.lacks, styles);
follow();
