// SPDX-License-Identifier: Apache-2.0
// OpenAI's own client, and clients that behave badly, against a server with the real Moonshine.
//
//   ANYNPU_BINARY=build/release/bin/anynpu node openai.test.mjs
//
// Needs the model moonshine_tiny and the spoken words (`make test` fetches both), and ffmpeg.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import OpenAI, {toFile} from 'openai';
import {PATIENCE_MS, spoken, startServer} from './server.mjs';

const MODEL = 'moonshine_tiny';
const WORDS = ['Front_Center', 'Rear_Center', 'Side_Right', 'Front_Left'];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anynpu-speech-'));
const spool = path.join(folder, 'spool');
fs.mkdirSync(spool);

// --- the recordings: 48 kHz, 16 bit, one channel ---

function samplesOf(file) {
  const bytes = fs.readFileSync(file);
  const at = bytes.indexOf('data');
  return bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4));
}

function wavOf(pieces) {
  const data = Buffer.concat(pieces);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(48000, 24);
  head.writeUInt32LE(96000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

const silence = (seconds) => Buffer.alloc(2 * Math.round(48000 * seconds));
const short = fs.readFileSync(spoken('Front_Center'));
const long = wavOf(WORDS.flatMap((words) => [samplesOf(spoken(words)), silence(1.5)]));
const longSeconds = (long.length - 44) / 96000;
fs.writeFileSync(path.join(folder, 'long.wav'), long);

const file = (bytes, name = 'speech.wav') => toFile(bytes, name, {type: 'audio/wav'});
const heard = (text, pattern, what) => assert.match(text.toLowerCase(), pattern, what);

function checkSubtitles(text, vtt) {
  const blocks = text.trimEnd().split('\n\n');
  if (vtt) assert.equal(blocks.shift(), 'WEBVTT');
  assert.ok(blocks.length > 0);
  const mark = vtt ? '\\.' : ',';
  const time = `(\\d\\d):([0-5]\\d):([0-5]\\d)${mark}(\\d{3})`;
  let before = -1;
  blocks.forEach((block, i) => {
    const lines = block.split('\n');
    if (!vtt) assert.equal(lines.shift(), String(i + 1));
    const times = lines.shift().match(new RegExp(`^${time} --> ${time}$`));
    assert.ok(times, block);
    const [start, end] = [1, 5].map((at) =>
      ((+times[at] * 60 + +times[at + 1]) * 60 + +times[at + 2]) * 1000 + +times[at + 3]);
    assert.ok(start < end && start >= before && end <= longSeconds * 1000 + 1000, block);
    before = start;
    assert.ok(lines.length > 0 && lines.every((line) => line && !line.includes('-->')), block);
  });
}

async function eventually(what, check) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
}

const statusOf = async (url) => (await fetch(`${url}status`)).json();
const idle = (url) => eventually('no transcription under way', async () => {
  const {speech} = await statusOf(url);
  return speech.working === 0 && speech.queue === 0;
});

const tests = {
  async 'json, as most clients ask for it'({client}) {
    const answer = await client.audio.transcriptions.create({file: await file(short), model: 'whisper-1'});
    heard(answer.text, /front.*cent(er|re)/);
  },

  async 'verbose JSON with words'({client}) {
    const answer = await client.audio.transcriptions.create({
      file: await file(long), model: MODEL, language: 'en', response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment']});
    heard(answer.text, /front.*cent(er|re).*side.*right/);
    assert.equal(answer.language, 'english');
    assert.ok(Math.abs(answer.duration - longSeconds) < 0.1, `${answer.duration}`);
    assert.ok(answer.segments.length > 0);
    for (const segment of answer.segments) {
      assert.ok(segment.start < segment.end && segment.end <= longSeconds + 0.5, JSON.stringify(segment));
      for (const key of ['id', 'seek', 'tokens', 'temperature', 'avg_logprob', 'compression_ratio', 'no_speech_prob'])
        assert.ok(key in segment, key);
    }
    assert.ok(answer.words.length >= 6, JSON.stringify(answer.words));
    let before = 0;
    for (const {word, start, end} of answer.words) {
      assert.match(word, /\w/);
      assert.ok(start >= before - 0.01 && start <= end && end <= longSeconds + 0.5, `${word} ${start} ${end}`);
      before = start;
    }
  },

  async 'subtitles pass a validator'({client}) {
    for (const format of ['srt', 'vtt']) {
      const text = await client.audio.transcriptions.create(
        {file: await file(long), model: MODEL, response_format: format});
      checkSubtitles(text, format === 'vtt');
      heard(text, /front/);
    }
    const text = await client.audio.transcriptions.create(
      {file: await file(short), model: MODEL, response_format: 'text'});
    heard(text, /front/);
  },

  async 'a stream of text'({client}) {
    const stream = await client.audio.transcriptions.create(
      {file: await file(long), model: MODEL, stream: true});
    let text = '', done = null;
    for await (const event of stream) {
      assert.equal(done, null, 'nothing comes after the end');
      if (event.type === 'transcript.text.delta') text += event.delta;
      else if (event.type === 'transcript.text.done') done = event.text;
      else assert.fail(event.type);
    }
    heard(done, /front.*cent(er|re)/);
    assert.equal(text.trim(), done);
  },

  async 'models, and errors that the client knows'({client}) {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL) && names.includes('whisper-1'), `${names}`);
    assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
    const failed = async (request) => {
      try {
        await client.audio.transcriptions.create(request);
      } catch (problem) {
        return problem;
      }
      return assert.fail('it must fail');
    };
    const unknown = await failed({file: await file(short), model: 'no-such-model'});
    assert.ok(unknown instanceof OpenAI.NotFoundError, unknown.message);
    assert.equal(unknown.code, 'model_not_found');
    const noAudio = await failed({file: await file(Buffer.from('This is only text.')), model: MODEL});
    assert.ok(noAudio instanceof OpenAI.APIError && noAudio.status >= 400 && noAudio.status < 500);
    const empty = await failed({file: await file(Buffer.alloc(0)), model: MODEL});
    assert.ok(empty instanceof OpenAI.BadRequestError, `${empty}`);
    const format = await failed({file: await file(short), model: MODEL, response_format: 'docx'});
    assert.equal(format.param, 'response_format');
  },

  async 'what phones and browsers record goes through ffmpeg'({client}) {
    for (const name of ['a.m4a', 'a.webm', 'a.mp4', 'a.mp3', 'a.ogg', 'a.flac']) {
      const made = path.join(folder, name);
      const codec = name.endsWith('webm') ? ['-c:a', 'libopus'] : [];
      execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', '-i', spoken('Front_Center'), ...codec, made]);
      const answer = await client.audio.transcriptions.create({file: fs.createReadStream(made), model: MODEL});
      heard(answer.text, /front/, name);
    }
  },

  async 'silence, truncated files and claims of 4 GB have clear answers'({client}) {
    const silent = await client.audio.transcriptions.create(
      {file: await file(wavOf([silence(3)])), model: MODEL, response_format: 'verbose_json'});
    assert.equal(silent.text, '');
    const cut = await client.audio.transcriptions.create(
      {file: await file(long.subarray(0, short.length)), model: MODEL, response_format: 'verbose_json'});
    heard(cut.text, /front/);
    const claims = Buffer.from(short);
    claims.writeUInt32LE(0xfffffff0, 4);
    claims.writeUInt32LE(0xffffff00, claims.indexOf('data') + 4);
    heard((await client.audio.transcriptions.create({file: await file(claims), model: MODEL})).text, /front/);
  },

  async '10 GB are refused before they are sent'({url}) {
    const {port} = new URL(url);
    const reply = await new Promise((resolve, reject) => {
      const socket = net.connect(Number(port), '127.0.0.1', () => socket.write(
        'POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n' +
        'Content-Length: 10000000000\r\n\r\n--B\r\n'));
      socket.once('data', (data) => { resolve(String(data)); socket.destroy(); });
      socket.on('error', reject);
    });
    assert.match(reply, /^HTTP\/1.1 413 /);
  },

  async 'fifty at once'({url, client}) {
    const before = (await statusOf(url)).speech.answered;
    const answers = await Promise.all(Array.from({length: 50}, async () =>
      client.audio.transcriptions.create({file: await file(short), model: MODEL})));
    for (const answer of answers) heard(answer.text, /front/);
    assert.equal((await statusOf(url)).speech.answered, before + 50);
    assert.equal((await fetch(`${url}health`)).status, 200);
  },

  async 'slow and aborted uploads hold nobody up and leave nothing behind'({url, client}) {
    const {port} = new URL(url);
    const head = `POST /transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\nContent-Length: ${long.length}\r\n\r\n`;
    const slow = await Promise.all(Array.from({length: 20}, () => new Promise((resolve) => {
      const socket = net.connect(Number(port), '127.0.0.1', () => {
        socket.write(head);
        socket.write(long.subarray(0, 350000), () => resolve(socket));
      });
      socket.on('error', () => {});
    })));
    heard((await client.audio.transcriptions.create({file: await file(short), model: MODEL})).text, /front/);
    const finished = new Promise((resolve) => slow[0].once('data', (data) => resolve(String(data))));
    for (const socket of slow.slice(1)) socket.destroy();
    slow[0].write(long.subarray(350000));
    assert.match(await finished, /^HTTP\/1.1 200 /);
    slow[0].destroy();

    const abort = new AbortController();
    const asked = client.audio.transcriptions.create(
      {file: await file(wavOf(Array.from({length: 40}, () => samplesOf(path.join(folder, 'long.wav'))))), model: MODEL},
      {signal: abort.signal, maxRetries: 0});
    await eventually('work begins', async () => (await statusOf(url)).speech.working > 0);
    abort.abort();
    await assert.rejects(asked);
    await idle(url);
    assert.deepEqual(fs.readdirSync(spool), []);
    assert.equal((await fetch(`${url}health`)).status, 200);
  },

  async 'figures of speech in /status and /metrics'({url}) {
    const status = await statusOf(url);
    assert.equal(status.speech.model, MODEL);
    assert.equal(status.hardware, 'cpu');
    assert.match(status.mel_kernel, /\w/);
    assert.ok(status.real_time_factor > 0 && status.times_real_time > 0);
    assert.equal(status.expected_speedup, 1);
    const metrics = await (await fetch(`${url}metrics`)).text();
    assert.match(metrics, /^anynpu_speech_audio_seconds_total [1-9]/m);
    assert.match(metrics, /^anynpu_speech_real_time_factor 0?\.?\d/m);
  },
};

async function start() {
  return startServer(['--port', '0', '--model', MODEL], {
    ANYNPU_SERVE_SPEECH_SPOOL: spool,
    ANYNPU_SERVE_SPEECH_JOBS: path.join(folder, 'jobs'),
  });
}

// A job that is killed in the middle is gone on with by the next server.
async function jobsSurvive() {
  const jobs = path.join(folder, 'jobs');
  const body = wavOf(Array.from({length: 60}, () => samplesOf(path.join(folder, 'long.wav'))));
  let server = await start();
  const created = await fetch(`${server.url}transcribe/jobs`,
    {method: 'POST', body, headers: {'Content-Type': 'audio/wav'}});
  assert.equal(created.status, 202);
  const {id} = await created.json();
  const jobOf = async () => (await fetch(`${server.url}transcribe/jobs/${id}`)).json();
  await eventually('some text', async () => (await jobOf()).segments > 2);
  await server.kill();
  assert.ok(fs.existsSync(path.join(jobs, id, 'audio')));
  server = await start();
  try {
    assert.ok((await jobOf()).done_seconds > 0, 'it does not begin again');
    await eventually('the job is done', async () => (await jobOf()).state === 'done');
    const result = await (await fetch(`${server.url}transcribe/jobs/${id}/result`)).json();
    heard(result.text, /front.*side/s);
    assert.ok(Math.abs(result.duration - 60 * longSeconds) < 0.5, `${result.duration}`);
    assert.ok(result.segments.at(-1).end > 59 * longSeconds);
    assert.ok(!fs.existsSync(path.join(jobs, id, 'audio')));
    assert.equal((await fetch(`${server.url}transcribe/jobs/${id}`, {method: 'DELETE'})).status, 200);
    assert.deepEqual(fs.readdirSync(jobs), []);
    assert.equal(await server.stop(), 0);
  } finally {
    await server.kill();
  }
}

async function main() {
  const server = await start();
  const client = new OpenAI({apiKey: 'none', baseURL: `${server.url}v1`, maxRetries: 0});
  let failed = 0;
  const run = async (name, test) => {
    try {
      await test({client, url: server.url});
      console.log(`ok      ${name}`);
    } catch (problem) {
      ++failed;
      console.error(`FAILED  ${name}\n${problem.stack}`);
    }
  };
  try {
    for (const [name, test] of Object.entries(tests)) await run(name, test);
    assert.equal(await server.stop(), 0);
  } finally {
    await server.kill();
  }
  await run('a job survives the death of its server', jobsSurvive);
  fs.rmSync(folder, {recursive: true});
  if (failed > 0) throw new Error(`${failed} failed`);
}

main().then(() => process.exit(0), (problem) => {
  console.error(problem.message);
  process.exit(1);
});
