// The dialog that shows the frames of a clip larger, one after another.

const SHORTEST_MS = 80;
const LONGEST_MS = 700;

const player = document.getElementById('player');
const picture = document.getElementById('screen');
const playing = {clip: null, frames: [], at: 0, timer: 0};

/** How long a frame stays: as in the clip, within what can be followed. */
function frameMs(clip) {
  const seconds = clip.sizeTHW[0] / clip.frameRateHz / clip.frameIndices.length;
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, 1000 * seconds));
}

function showFrame(at) {
  const numFrames = playing.frames.length;
  playing.at = (at + numFrames) % numFrames;
  picture.src = playing.frames[playing.at];
  picture.alt = 'frame ' + (playing.clip.frameIndices[playing.at] + 1);
  document.getElementById('at').textContent =
    'frame ' + (playing.clip.frameIndices[playing.at] + 1) + ' of ' + playing.clip.sizeTHW[0];
}

function setRunning(running) {
  clearInterval(playing.timer);
  playing.timer = running ? setInterval(() => showFrame(playing.at + 1), frameMs(playing.clip)) : 0;
  player.querySelector('[data-do=play]').textContent = running ? 'Pause' : 'Play';
}

function openPlayer(clip, at) {
  playing.clip = clip;
  playing.frames = framesOf(clip);
  document.getElementById('playing').textContent = clip.id;
  const told = clip.captions.flatMap(caption =>
    [make('dt', {}, caption.style), make('dd', {dir: 'auto'}, caption.text)]);
  document.getElementById('told').replaceChildren(...told);
  picture.style.setProperty('--aspect', clip.pictureWidth / clip.pictureHeight);
  const single = playing.frames.length === 1;
  player.querySelectorAll('.buttons button').forEach(button => { button.disabled = single; });
  showFrame(at);
  player.showModal();
  player.querySelector(single ? '[data-do=close]' : '[data-do=play]').focus();
  setRunning(!single && !matchMedia('(prefers-reduced-motion: reduce)').matches);
}

function doInPlayer(what) {
  if (what === 'close') {
    player.close();
  } else if (what === 'play') {
    setRunning(!playing.timer);
  } else {
    setRunning(false);
    showFrame(playing.at + (what === 'next' ? 1 : -1));
  }
}

player.addEventListener('close', () => setRunning(false));
player.addEventListener('click', event => {
  const button = event.target.closest('[data-do]');
  if (button) {
    doInPlayer(button.dataset.do);
  } else if (event.target === player) {
    // What is clicked is the dialog itself only where it has nothing in it: beside it.
    player.close();
  }
});
player.addEventListener('keydown', event => {
  const what = {ArrowLeft: 'previous', ArrowRight: 'next'}[event.key];
  if (what && playing.frames.length > 1) {
    doInPlayer(what);
    event.preventDefault();
  } else if (event.key === ' ' && !event.target.closest('button') && playing.frames.length > 1) {
    doInPlayer('play');
    event.preventDefault();
  }
});
