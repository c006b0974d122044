// SPDX-License-Identifier: Apache-2.0
// The tab for speech: takes a recording, shows its text while it is made, and its mel spectrogram.
import {ask, hasToken, whyNoAnswer} from './api.js';
import {byId, duration, make} from './dom.js';
import {wavFile} from './wav.js';

let recording = null;   // the File that is shown
let asking = null;      // the AbortController of the requests under way
let microphone = null;  // what records now
let starting = false;   // the browser is being asked for the microphone
let melUrl = null;

export const isAudio = (file) => /^(audio|video)\//.test(file?.type ?? '');

// --- the question ---

function query() {
  const words = new URLSearchParams();
  if (byId('speech-model').value) words.set('model', byId('speech-model').value);
  if (byId('speech-language').value) words.set('language', byId('speech-language').value);
  if (byId('speech-task').value) words.set('task', byId('speech-task').value);
  return words;
}

function address(format) {
  const words = query();
  if (format) words.set('format', format);
  const text = words.toString();
  return text ? `/transcribe?${text}` : '/transcribe';
}

function showCurl() {
  const name = recording?.name && /^[\w.-]+$/.test(recording.name) ? recording.name : 'speech.wav';
  const token = hasToken() ? ' -H "Authorization: Bearer $TOKEN"' : '';
  byId('speech-curl').textContent =
    `curl${token} -F file=@${name} '${location.origin}${address('text')}'`;
}

// --- the answer ---

function showProblem(message, hint) {
  byId('speech-error').hidden = false;
  byId('speech-error').replaceChildren(make('p', {}, message),
    ...(hint ? [make('p', {}, hint)] : []));
  byId('speech-state').textContent = '';
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function addSegment({segment}) {
  byId('speech-text').append(make('p', {},
    make('span', {className: 'time', 'aria-hidden': 'true'}, clock(segment.start)),
    make('span', {className: 'words'}, segment.text.trim())));
}

function showProgress({done, total}) {
  byId('speech-state').textContent = total ?
    `${Math.round(100 * Math.min(1, done / total))} % of ${clock(total)}` : `${clock(done)} heard`;
  byId('speech-bar').value = total ? Math.min(1, done / total) : 0;
}

function showDone({transcript}) {
  if (!transcript.segments.length)
    byId('speech-text').replaceChildren(make('p', {className: 'quiet'}, 'Nobody speaks in it.'));
  byId('speech-bar').value = 1;
  const took = transcript.timings_ms.total / 1000;
  byId('speech-state').textContent =
    `${transcript.duration.toFixed(1)} s of ${transcript.language || 'speech'}, by ` +
    `${transcript.model} on ${transcript.device} in ${took.toFixed(1)} s` +
    (transcript.fallback ? `. ${transcript.fallback}` : '');
  byId('speech-notes').replaceChildren(...transcript.notes.map((note) => make('li', {}, note)));
  byId('speech-copy').disabled = transcript.segments.length === 0;
}

function take(event) {
  if (event.type === 'transcript.text.delta') addSegment(event);
  else if (event.type === 'transcript.progress') showProgress(event);
  else if (event.type === 'transcript.text.done') showDone(event);
  else if (event.type === 'error') showProblem(event.error.message);
}

/** Calls `take` for each event of a stream. */
async function follow(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split('\n\n');
    rest = events.pop();
    for (const event of events) take(JSON.parse(event.replace(/^data: /, '')));
  }
}

// --- asking ---

function form() {
  const data = new FormData();
  data.append('stream', 'true');
  data.append('file', recording, recording.name || 'speech');
  return data;
}

async function showMel(signal) {
  const picture = byId('mel');
  picture.hidden = true;
  const response = await ask('/mel', {method: 'POST', body: form(), signal});
  if (!response.ok) return;
  if (melUrl) URL.revokeObjectURL(melUrl);
  melUrl = URL.createObjectURL(await response.blob());
  picture.src = melUrl;
  picture.hidden = false;
}

async function transcribe() {
  if (!recording) return;
  asking?.abort();
  const mine = asking = new AbortController();
  byId('speech-error').hidden = true;
  byId('speech-empty').hidden = true;
  byId('speech-text').replaceChildren();
  byId('speech-notes').replaceChildren();
  byId('speech-bar').value = 0;
  byId('speech-bar').hidden = false;
  byId('speech-copy').disabled = true;
  byId('speech-state').textContent = 'listening';
  byId('speech-answer').setAttribute('aria-busy', 'true');
  showCurl();
  showMel(mine.signal).catch(() => {});
  try {
    const response = await ask(address(), {method: 'POST', body: form(), signal: mine.signal});
    if (response.ok) {
      await follow(response.body);
    } else {
      const {error} = await response.json();
      showProblem(error.message, error.hint);
    }
  } catch (problem) {
    if (problem.name === 'AbortError') return;
    const why = await whyNoAnswer(recording, problem);
    if (asking === mine) showProblem(...why);
  } finally {
    if (asking === mine) {
      asking = null;
      byId('speech-bar').hidden = true;
      byId('speech-answer').removeAttribute('aria-busy');
    }
  }
}

export function takeRecording(file) {
  if (!file) return;
  recording = file;
  byId('speech-name').textContent = file.name || 'your recording';
  byId('speech-again').disabled = false;
  transcribe();
}

// --- the microphone ---

function release(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

async function startMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    showProblem('This browser gives no microphone to this page.',
      'Browsers do so for https and for localhost only; a file works everywhere.');
    return;
  }
  if (starting) return;
  starting = true;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: true});
    const recorder = new MediaRecorder(stream);
    const pieces = [];
    recorder.ondataavailable = ({data}) => pieces.push(data);
    recorder.onstop = () => hear(new Blob(pieces, {type: recorder.mimeType}));
    recorder.start();
    const begin = performance.now();
    const ticker = setInterval(() => {
      byId('speech-record').textContent = `Stop (${clock((performance.now() - begin) / 1000)})`;
    }, 250);
    microphone = {stream, recorder, ticker};
    byId('speech-record').setAttribute('aria-pressed', 'true');
    byId('speech-record').textContent = 'Stop';
  } catch (problem) {
    release(stream);
    showProblem('The microphone cannot be used.', problem.message);
  } finally {
    starting = false;
  }
}

function stopMicrophone() {
  const {stream, recorder, ticker} = microphone;
  microphone = null;
  clearInterval(ticker);
  recorder.stop();
  release(stream);
  byId('speech-record').setAttribute('aria-pressed', 'false');
  byId('speech-record').textContent = 'Speak';
}

// The browser decodes what it has recorded: each has a format of its own, which the server may not read.
async function hear(blob) {
  const RATE = 16000;
  try {
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await blob.arrayBuffer());
    takeRecording(wavFile([sound.getChannelData(0)], RATE, 'microphone.wav'));
  } catch (problem) {
    showProblem('The recording cannot be read.', problem.message);
  }
}

byId('speech-record').addEventListener('click', () =>
  microphone ? stopMicrophone() : startMicrophone());
byId('speech-file').addEventListener('change', (event) => {
  takeRecording(event.target.files[0]);
  event.target.value = '';
});
byId('speech-choices').addEventListener('submit', (event) => {
  event.preventDefault();
  transcribe();
});
for (const id of ['speech-model', 'speech-language', 'speech-task'])
  byId(id).addEventListener('change', () => {
    showCurl();
    transcribe();
  });
byId('speech-copy').addEventListener('click', async () => {
  const text = [...document.querySelectorAll('#speech-text .words')]
    .map((each) => each.textContent).join(' ');
  try {
    await navigator.clipboard.writeText(text);
    byId('speech-copy').textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(byId('speech-text'));
    byId('speech-copy').textContent = 'Selected';
  }
  setTimeout(() => { byId('speech-copy').textContent = 'Copy the text'; }, 1500);
});

// --- the status ---

export function showSpeech(status) {
  const speech = status.speech;
  const names = speech?.models ?? [];
  byId('speech-missing').hidden = names.length > 0;
  const select = byId('speech-model');
  if (select.dataset.known !== JSON.stringify(names)) {
    select.dataset.known = JSON.stringify(names);
    select.replaceChildren(make('option', {value: ''}, 'usual'),
      ...names.map((name) => make('option', {value: name}, name)));
    showCurl();
  }
  const figures = [];
  if (speech?.hardware_name) figures.push(`on ${speech.hardware_name}`);
  if (speech?.times_real_time) figures.push(`${speech.times_real_time.toFixed(1)} x real time`);
  if (speech?.audio_seconds > 1) figures.push(`${duration(speech.audio_seconds)} of audio so far`);
  if (speech?.queue) figures.push(`${speech.queue} waiting`);
  byId('speech-figures').textContent = figures.join(', ');
}
