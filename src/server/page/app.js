// SPDX-License-Identifier: Apache-2.0
// The page: takes a picture, asks the server, and keeps the status fresh.
import {ask as askServer, hasToken, whyNoAnswer} from './api.js';
import {byId, make} from './dom.js';
import {showAnswer, showError, showWaiting} from './result_view.js';
import {isAudio, showSpeech, takeRecording} from './speech.js';
import {showHealth, showStatus, verbButton} from './status_view.js';
import {currentTab, showTab} from './tabs.js';

const REFRESH_MS = 4000;
const TIMEOUT_MS = 10000;  // of the status
let picture = null;      // the File that is shown
let pictureUrl = null;
let asking = null;       // the AbortController of the request under way
let models = [];

// --- the question ---

function address() {
  const query = new URLSearchParams();
  if (byId('model').value) query.set('model', byId('model').value);
  if (byId('top').value) query.set('top', byId('top').value);
  if (isDetector() && byId('threshold').value) query.set('threshold', byId('threshold').value);
  const text = query.toString();
  return text ? `/infer?${text}` : '/infer';
}

const isDetector = () =>
  models.find((each) => each.name === byId('model').value)?.task === 'detect';

const isNotLoaded = (name) => {
  const found = models.filter((each) => each.name === name);
  return found.length > 0 && found.every((each) => !each.state || each.state === 'loading');
};

function showCurl() {
  const name = picture?.name && /^[\w.-]+$/.test(picture.name) ? picture.name : 'picture.jpg';
  const token = hasToken() ? ' -H "Authorization: Bearer $TOKEN"' : '';
  byId('curl').textContent = `curl${token} -F image=@${name} '${location.origin}${address()}'`;
  byId('threshold-choice').hidden = !isDetector();
}

async function ask() {
  if (!picture) return;
  asking?.abort();
  const mine = asking = new AbortController();
  const sent = picture;
  const answerCard = byId('answer');
  answerCard.classList.add('busy');
  answerCard.setAttribute('aria-busy', 'true');
  const model = byId('model').value;
  showWaiting(isNotLoaded(model) ? `loading ${model} …` : 'asking …');
  const form = new FormData();
  form.append('image', sent, sent.name || 'picture');
  const start = performance.now();
  try {
    const response = await askServer(address(), {method: 'POST', body: form, signal: mine.signal});
    const answer = await response.json();
    const roundTripMs = performance.now() - start;
    if (answer.success) showAnswer(answer, roundTripMs);
    else if (response.status === 404 && isNotLoaded(model))
      showError(`${model} is not loaded.`, 'It was unloaded.', verbButton('load', model));
    else showError(answer.error.message, answer.error.hint);
  } catch (problem) {
    if (problem.name === 'AbortError') return;
    const why = await whyNoAnswer(sent, problem);
    if (asking === mine) showError(...why);
  } finally {
    if (asking === mine) {
      asking = null;
      answerCard.classList.remove('busy');
      answerCard.removeAttribute('aria-busy');
      refresh();
    }
  }
}

// --- the picture ---

function take(file) {
  if (!file) return;
  picture = file;
  if (pictureUrl) URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(file);
  byId('boxes').replaceChildren();
  byId('preview').src = pictureUrl;
  byId('preview').alt = file.name ? `Your picture ${file.name}` : 'Your picture';
  byId('again').disabled = false;
  showCurl();
  ask();
}

function showPreview(visible) {
  byId('stage').hidden = !visible;
  byId('invitation').hidden = visible;
  byId('drop').classList.toggle('filled', visible);
}

byId('preview').addEventListener('load', () => showPreview(true));
byId('preview').addEventListener('error', () => showPreview(false));
byId('file').addEventListener('change', (event) => {
  take(event.target.files[0]);
  event.target.value = '';  // so that the same file can be chosen again
});

/** A file that was dropped or pasted anywhere on the page. */
function takeAny(file) {
  if (isAudio(file)) showTab('speech');
  if (currentTab() === 'speech') takeRecording(file);
  else take(file);
}

document.addEventListener('paste', (event) => takeAny(event.clipboardData?.files[0]));
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  byId(currentTab() === 'speech' ? 'speech-drop' : 'drop').classList.add('over');
});
document.addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) notOver();
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  notOver();
  takeAny(event.dataTransfer?.files[0]);
});

function notOver() {
  for (const id of ['drop', 'speech-drop']) byId(id).classList.remove('over');
}

// --- the choices ---

function showModels(status) {
  const all = [...status.models, ...status.available]
    .filter((each) => !['transcribe', 'vad'].includes(each.task));
  const known = JSON.stringify(all.map((each) => [each.name, each.title, each.state]));
  models = all;
  const select = byId('model');
  if (select.dataset.known === known) return;
  select.dataset.known = known;
  const chosen = select.value || all.find((each) => each.default)?.name;
  const names = new Set();
  select.replaceChildren(...all.filter((each) => !names.has(each.name) && names.add(each.name))
    .map((each) => make('option', {value: each.name, selected: each.name === chosen},
      (each.title || each.name) + (each.state ? '' : ' (not loaded)'))));
  showCurl();
}

byId('choices').addEventListener('submit', (event) => {
  event.preventDefault();
  ask();
});
for (const id of ['model', 'top', 'threshold'])
  byId(id).addEventListener('change', () => {
    showCurl();
    ask();
  });

byId('copy').addEventListener('click', async () => {
  const button = byId('copy');
  try {
    await navigator.clipboard.writeText(byId('curl').textContent);
  } catch {
    // Without HTTPS there is no clipboard: the line is selected, and copied the old way.
    getSelection().selectAllChildren(byId('curl'));
    document.execCommand('copy');
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});

// --- loading and unloading ---

async function change(event) {
  const button = event.target.closest('button[data-verb]');
  if (!button) return;
  const {verb, name} = button.dataset;
  const isForAnswer = byId('error').contains(button);
  const news = byId('model-news');
  const words = verb === 'load' ? 'loading' : 'unloading';
  button.disabled = true;
  button.textContent = `${words} …`;
  news.textContent = `${words} ${name}`;
  try {
    const response = await askServer(`/v2/repository/models/${encodeURIComponent(name)}/${verb}`,
      {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}});
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    news.textContent = `${name} is ${verb}ed`;
    if (isForAnswer) ask();
  } catch (problem) {
    news.textContent = problem.message;
    showError(`${name} could not be ${verb}ed: ${problem.message}`);
  }
  byId('model-list').dataset.stale = 'yes';
  refresh();
}
for (const id of ['model-list', 'error']) byId(id).addEventListener('click', change);

// --- the status ---

let refreshing = false;
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const status = await (await askServer('/status', {timeoutMs: TIMEOUT_MS})).json();
    showModels(status);
    showStatus(status);
    showSpeech(status);
  } catch {
    showHealth('not reachable');
  } finally {
    refreshing = false;
  }
}

setInterval(() => { if (document.visibilityState === 'visible') refresh(); }, REFRESH_MS);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') refresh();
});
showCurl();
refresh();
