// SPDX-License-Identifier: Apache-2.0
// Drives the page of a real server with a real model in Debian's Chromium, and has the description of
// the API checked by a validator.
//
//   ANYNPU_BINARY=build/release/bin/anynpu [SCREENSHOTS=folder] node page.test.mjs
//
// Needs the default models (`make test` fetches them). With SCREENSHOTS it leaves pictures there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {Validator} from '@seriousme/openapi-schema-validator';
import {chromium} from 'playwright-core';
import {PATIENCE_MS, dataHome, machineOf, needed, spoken, startServer} from './server.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // A microphone in which somebody says "front center" again and again, and nobody asks for leave.
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  `--use-file-for-fake-audio-capture=${spoken('Front_Center')}`];
const CLASSIFIER = 'mobilenet_v1';
const DETECTOR = 'ssd_mobilenet_v1';
const TOKEN = 'open-sesame';
const MACHINE = machineOf('krackan-no-firmware');
const FINDING = 'XD-FW-MISSING';
const SPEECH = 'moonshine_tiny';

const store = process.env.ANYNPU_MODELS?.split(':')[0] || path.join(dataHome, 'models');
const pictureOf = (model) =>
  needed(path.join(store, model, 'canary.jpg'), 'run `make test`, which fetches the models');

const modelFlags = (names) => ['--port', '0', ...names.flatMap((name) => ['--model', name])];

const shots = process.env.SCREENSHOTS;
async function shot(page, name) {
  if (!shots) return;
  fs.mkdirSync(shots, {recursive: true});
  await page.screenshot({path: path.join(shots, `${name}.png`), fullPage: true});
}

/** A page that fails the test when anything on it breaks or is fetched from elsewhere. */
async function open(browser, url, {token, ...options} = {}) {
  const context = await browser.newContext({viewport: {width: 1200, height: 850}, ...options});
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
      troubles.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url.split('#')[0]) && !/^(blob|data):/.test(request.url()))
      troubles.push(`fetched from elsewhere: ${request.url()}`);
  });
  await page.goto(url);
  if (token) await giveToken(page, token);
  await page.waitForSelector(`#model option[value="${CLASSIFIER}"]`, {state: 'attached'});
  page.troubles = troubles;
  return page;
}

async function giveToken(page, token) {
  await page.waitForSelector('#token-form:visible');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
}

async function drop(page, file, type = 'image/jpeg') {
  const content = fs.readFileSync(file).toString('base64');
  await page.evaluate(async ({content, name, type}) => {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type}));
    const zone = document.getElementById('drop');
    zone.dispatchEvent(new DragEvent('dragover', {bubbles: true, cancelable: true, dataTransfer: data}));
    zone.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: data}));
  }, {content, name: path.basename(file), type});
}

async function noSidewaysScroll(page) {
  const {inner, outer} = await page.evaluate(() => ({
    inner: document.documentElement.scrollWidth, outer: document.documentElement.clientWidth}));
  assert.ok(inner <= outer, `the page is ${inner} wide on a screen of ${outer}`);
}

const tests = {
  async 'a dropped picture is answered with label, device and timings'(browser, url) {
    const page = await open(browser, url);
    await shot(page, 'page-empty');
    await drop(page, pictureOf(CLASSIFIER));
    await page.waitForSelector('#top-label');
    assert.match(await page.textContent('#top-label'), /\w+/);
    assert.ok(await page.locator('#predictions li').count() >= 3);
    assert.equal(await page.textContent('#device'), 'cpu');
    assert.match(await page.textContent('#engine'), /tflite/);
    for (const step of ['decode', 'preprocess', 'queue', 'infer', 'postprocess', 'total'])
      assert.match(await page.textContent(`[data-step="${step}"] .value`), /^\d+(\.\d+)? ms$/, step);
    assert.match(await page.textContent('#no-npu'), /Why no NPU: .{10}/);
    assert.match(await page.textContent('#summary'), /By cpu in/);
    assert.ok(await page.isVisible('#preview'));
    assert.equal(await page.locator('.box').count(), 0);
    await page.waitForFunction(() => /ready|ok/.test(document.getElementById('health').textContent));
    await shot(page, 'page-label');
    if (shots) await page.screenshot({path: path.join(shots, 'page.jpg'), quality: 80});  // of README.md
    return page;
  },

  async 'a chosen detector draws boxes on the picture'(browser, url) {
    const page = await open(browser, url);
    await page.selectOption('#model', DETECTOR);
    await page.selectOption('#threshold', '0.3');
    await page.setInputFiles('#file', pictureOf(DETECTOR));
    await page.waitForSelector('.box');
    const picture = await page.locator('#preview').boundingBox();
    for (const box of await page.locator('.box').all()) {
      const at = await box.boundingBox();
      assert.ok(at.width > 2 && at.height > 2);
      assert.ok(at.x >= picture.x - 3 && at.y >= picture.y - 3, 'it starts on the picture');
      assert.ok(at.x + at.width <= picture.x + picture.width + 3, 'it ends on the picture');
      assert.ok(at.y + at.height <= picture.y + picture.height + 3, 'it ends on the picture');
    }
    assert.equal(await page.locator('.box').count(), await page.locator('#predictions li').count());
    assert.match(await page.textContent('#curl'),
      new RegExp(`^curl -F image=@canary.jpg '${url}infer\\?model=${DETECTOR}&threshold=0.3'$`));
    await page.locator('#predictions li').first().focus();
    assert.ok(await page.locator('.box.now').count() === 1, 'the focused one is pointed at');
    await shot(page, 'page-boxes');
    return page;
  },

  async 'what is no picture is refused in words, and the next picture works'(browser, url) {
    const page = await open(browser, url);
    const text = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'page-test-')), 'notes.txt');
    fs.writeFileSync(text, 'This is not a picture, however one looks at it.\n');
    await drop(page, text, 'text/plain');
    await page.waitForSelector('#error:visible');
    assert.match(await page.textContent('#error'), /\w+ \w+/);
    assert.equal(await page.getAttribute('#error', 'role'), 'alert');
    assert.ok(!await page.isVisible('#result'));
    await shot(page, 'page-error');
    await drop(page, pictureOf(CLASSIFIER));
    await page.waitForSelector('#top-label:visible');
    assert.ok(!await page.isVisible('#error'));
    fs.rmSync(path.dirname(text), {recursive: true});
    return page;
  },

  async 'placements, devices and figures are shown with reasons'(browser, url) {
    const page = await open(browser, url);
    await page.waitForSelector(`[data-model="${CLASSIFIER}"] table`);
    const rows = page.locator(`[data-model="${CLASSIFIER}"] tbody tr`);
    assert.match(await rows.first().textContent(), /chosen/);
    assert.match(await rows.first().textContent(), /\d ms/);
    for (const row of await rows.all())
      assert.match(await row.locator('td').last().textContent(), /\w{2,}/, 'each has its reason');
    const head = await page.locator(`[data-model="${CLASSIFIER}"] thead`).boundingBox();
    assert.ok(head.height < 40, 'no word of its head is broken');
    assert.match(await page.textContent('[data-device="cpu"]'), /ready/);
    assert.match(await page.textContent('#figures'), /Memory\d+ MB/);
    return page;
  },

  async 'models are unloaded and loaded, and what they do is shown live'(browser, url) {
    const page = await open(browser, url);
    await drop(page, pictureOf(CLASSIFIER));
    await page.waitForSelector('#top-label');
    await page.waitForFunction((name) => /\d ms/.test(
      document.querySelector(`[data-live="${name}"]`)?.textContent ?? ''), CLASSIFIER);
    const live = await page.textContent(`[data-live="${CLASSIFIER}"]`);
    assert.match(live, /Throughput\d+(\.\d)? \/ s/);
    assert.match(live, /Latency, median\d+(\.\d+)? ms/);
    await page.focus(`button[data-verb="unload"][data-name="${DETECTOR}"]`);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`button[data-verb="load"][data-name="${DETECTOR}"]`);
    assert.match(await page.textContent('#model-news'), new RegExp(`${DETECTOR} is unloaded`));
    await page.waitForSelector(`#model option[value="${DETECTOR}"]:text("(not loaded)")`, {state: 'attached'});
    await page.selectOption('#model', DETECTOR);
    await page.click('#error button[data-verb="load"]');
    await page.waitForSelector('.box');
    assert.ok(!await page.isVisible('#error'), 'what was asked before is asked again');
    await page.click(`#model-list button[data-verb="unload"][data-name="${DETECTOR}"]`);
    await page.click(`#model-list button[data-verb="load"][data-name="${DETECTOR}"]`);
    await page.waitForSelector(`[data-live="${DETECTOR}"]`);
    assert.match(await page.textContent('#model-news'), new RegExp(`${DETECTOR} is loaded`));
    return page;
  },

  async 'the line of what a model does goes on when nothing else changes'(browser, url) {
    const page = await open(browser, url);
    const status = await (await fetch(`${url}status`)).json();
    await page.route('**/status', (route) => route.fulfill({json: status}));
    const points = () => page.evaluate((name) =>
      document.querySelector(`[data-live="${name}"] polyline`).getAttribute('points').split(' ').length, CLASSIFIER);
    await page.waitForSelector(`[data-live="${CLASSIFIER}"] polyline`, {state: 'attached'});
    const before = await points();
    for (let i = 1; i <= 3; ++i) {
      const seen = page.waitForResponse('**/status');
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      await seen;
    }
    await page.waitForFunction(([name, most]) => document.querySelector(`[data-live="${name}"] polyline`)
      .getAttribute('points').split(' ').length >= most, [CLASSIFIER, before + 3]);
    return page;
  },

  async 'what the page waits for is said, and that a server hangs'(browser, url) {
    const page = await open(browser, url);
    let go;
    const asked = new Promise((resolve) => { go = resolve; });
    await page.route('**/infer*', async (route) => { await asked; await route.continue(); });
    await drop(page, pictureOf(CLASSIFIER));
    await page.waitForSelector('#empty:has-text("asking")');
    go();
    await page.waitForSelector('#top-label');
    assert.ok(!await page.isVisible('#empty'));
    await page.waitForSelector('#health:text("ok")');
    await page.route('**/status', () => {});
    await page.waitForSelector('#health:text("not reachable")');
    return page;
  },

  async 'a file that is gone is not blamed on the server'(browser, url) {
    const page = await open(browser, url);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'page-test-'));
    for (const [input, error, again, source] of [
      ['#file', '#error', '#again', pictureOf(CLASSIFIER)],
      ['#speech-file', '#speech-error', '#speech-again', spoken('Front_Center')]]) {
      const file = path.join(folder, path.basename(source));
      fs.copyFileSync(source, file);
      await page.setInputFiles(input, file);
      await page.waitForSelector(input === '#file' ? '#top-label' : '#speech-text .words');
      fs.rmSync(file);
      await page.click(again);
      await page.waitForSelector(`${error}:visible`);
      assert.match(await page.textContent(error), /This file cannot be read\..*folder/);
      await page.click('#tab-speech');
    }
    fs.rmdirSync(folder);
    const others = page.troubles.filter((each) => !each.includes('Failed to load resource'));
    page.troubles.splice(0, page.troubles.length, ...others);
    return page;
  },

  async 'recent errors and the copied line'(browser, url) {
    const page = await open(browser, url, {permissions: ['clipboard-read', 'clipboard-write']});
    await fetch(`${url}infer?model=nothing-of-that-name`, 
      {method: 'POST', body: 'x', headers: {'Content-Type': 'image/jpeg'}});
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForFunction(() => /404 POST \/infer/.test(
      document.getElementById('errors').textContent));
    await page.click('#copy');
    await page.waitForFunction(() => document.getElementById('copy').textContent === 'Copied');
    const line = await page.textContent('#curl');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), line);
    return page;
  },

  async 'a server with a token asks for it, until it is right and no more'(browser, url, guarded) {
    const page = await open(browser, guarded, {token: TOKEN});
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await giveToken(page, 'not-it');
    await page.waitForSelector('#token-trouble:text("not the token")');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
    await giveToken(page, 'schlüssel-→');
    await page.waitForSelector('#token-trouble:text("letters, digits")');
    await giveToken(page, TOKEN);
    await page.waitForSelector(`#model option[value="${CLASSIFIER}"]`, {state: 'attached'});
    assert.ok(!await page.isVisible('#token-form'));
    await drop(page, pictureOf(CLASSIFIER));
    await page.waitForSelector('#top-label');
    const curl = await page.textContent('#curl');
    assert.match(curl, /-H "Authorization: Bearer \$TOKEN"/);
    assert.ok(!curl.includes(TOKEN), 'the token is not shown');
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0,
      'it is kept in this tab only');
    await page.reload();
    await page.waitForSelector(`#model option[value="${CLASSIFIER}"]`, {state: 'attached'});
    assert.ok(!await page.isVisible('#token-form'), 'it is not asked for again');
    return page;
  },

  async 'what is wrong with the machine is listed with the next step'(browser, url, guarded) {
    const page = await open(browser, guarded, {token: TOKEN, viewport: {width: 360, height: 740}});
    await page.waitForSelector(`[data-finding="${FINDING}"]:visible`);
    assert.match(await page.textContent(`[data-finding="${FINDING}"]`), /Next: \w+/);
    await page.click('#findings-link');
    assert.match(page.url(), /#findings$/);
    await noSidewaysScroll(page);
    await shot(page, 'page-findings');
    return page;
  },

  async 'a dropped recording is written down, with its mel picture'(browser, url) {
    const page = await open(browser, url);
    await drop(page, spoken('Front_Center'), 'audio/wav');
    assert.equal(await page.getAttribute('#tab-speech', 'aria-selected'), 'true');
    assert.ok(!await page.isVisible('#drop'));
    await page.waitForSelector('#speech-text .words');
    await page.waitForFunction(() => / on cpu in /.test(document.getElementById('speech-state').textContent));
    assert.match((await page.textContent('#speech-text')).toLowerCase(), /front/);
    assert.match(await page.textContent('#speech-state'), /^\d\.\d s of english, by moonshine_tiny on cpu/);
    await page.waitForFunction(() => document.getElementById('mel').naturalWidth > 50);
    assert.equal(await page.evaluate(() => document.getElementById('mel').naturalHeight), 240);
    assert.match(await page.textContent('#speech-curl'), /curl -F file=@Front_Center.wav '.*\/transcribe\?format=text'$/);
    assert.ok(await page.isEnabled('#speech-copy'));
    await shot(page, 'page-speech');
    return page;
  },

  async 'what is said into the microphone is written down'(browser, url) {
    const page = await open(browser, `${url}#speech`, {permissions: ['microphone']});
    await page.click('#speech-record');
    await page.waitForFunction(() => /Stop \(0:0[4-9]/.test(document.getElementById('speech-record').textContent));
    await page.click('#speech-record');
    await page.waitForFunction(() => / on cpu in /.test(document.getElementById('speech-state').textContent));
    assert.match((await page.textContent('#speech-text')).toLowerCase(), /front/);
    assert.equal(await page.textContent('#speech-record'), 'Speak');
    assert.match(await page.textContent('#speech-name'), /microphone.wav/);
    return page;
  },

  async 'a double click on Speak leaves no microphone on'(browser, url) {
    const page = await open(browser, `${url}#speech`, {permissions: ['microphone']});
    await page.evaluate(() => {
      window.streams = [];
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wish) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const stream = await get(wish);
        window.streams.push(stream);
        return stream;
      };
    });
    await page.dblclick('#speech-record');
    await page.waitForFunction(() => /Stop \(0:01/.test(document.getElementById('speech-record').textContent));
    await page.click('#speech-record');
    assert.deepEqual(await page.evaluate(() => window.streams.map((stream) => stream.active)), [false]);
    await page.waitForFunction(() => / on cpu in /.test(document.getElementById('speech-state').textContent));
    return page;
  },

  async 'what is no recording is refused in words'(browser, url) {
    const page = await open(browser, `${url}#speech`);
    await page.setInputFiles('#speech-file', {name: 'a.wav', mimeType: 'audio/wav', buffer: Buffer.from('text')});
    await page.waitForSelector('#speech-error:visible');
    assert.match(await page.textContent('#speech-error'), /\w+ \w+/);
    return page;
  },

  async 'the tabs work with the keyboard and on a phone'(browser, url) {
    const page = await open(browser, url, {viewport: {width: 360, height: 740}, hasTouch: true, isMobile: true});
    await page.focus('#tab-picture');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-speech');
    const missing = new Set(['speech-file', 'speech-record', 'speech-model', 'speech-language', 'speech-task']);
    for (let i = 0; i < 12 && missing.size > 0; ++i) {
      await page.keyboard.press('Tab');
      missing.delete(await page.evaluate(() => document.activeElement.id));
    }
    assert.deepEqual([...missing], [], 'Tab reaches everything');
    await page.setInputFiles('#speech-file', spoken('Rear_Center'));
    await page.waitForSelector('#speech-text .words');
    await page.waitForSelector('#mel:visible');
    await noSidewaysScroll(page);
    await shot(page, 'page-speech-phone');
    await page.focus('#tab-speech');
    await page.keyboard.press('ArrowLeft');
    assert.ok(await page.isVisible('#drop'));
    return page;
  },

  async 'the API description is valid OpenAPI 3.1'(browser, url) {
    const validator = new Validator();
    for (const address of [url, `${url}openapi.json`]) {
      const description = await (await fetch(address, {headers: {Accept: 'application/json'}})).json();
      const checked = await validator.validate(description);
      assert.ok(checked.valid, JSON.stringify(checked.errors, null, 1));
      assert.equal(validator.version, '3.1');
      for (const path of ['/infer', '/health', '/metrics', '/status', '/v1/vision/detection',
        '/v2/models/{model}/versions/{version}/infer', '/v2/repository/index', '/transcribe',
        '/v1/audio/transcriptions', '/transcribe/jobs/{id}/result'])
        assert.ok(path in description.paths, path);
    }
    const broken = await validator.validate({openapi: '3.1.0', info: {title: 'x'}, paths: {}});
    assert.ok(!broken.valid, 'the validator can say no');
    return open(browser, url);
  },

  async 'what the doctor finds is there with the command that mends it'(browser, url) {
    const page = await open(browser, url);
    assert.ok(!await page.isVisible('#findings'), 'nothing is wrong with this machine');
    await page.route('**/status', async (route) => {
      const response = await route.fetch();
      const status = await response.json();
      status.findings = [{id: 'RK-NODE-PERM', layer: 'permission', cause: 'this user may not open the nodes',
        remedy: {text: 'join the group', commands: ['sudo usermod -aG render user']}}];
      status.models[0].instances[0].blind = {message: 'the kernel log cannot be read', hint: 'give it CAP_SYSLOG'};
      await route.fulfill({response, json: status});
    });
    const found = page.locator('#findings [data-finding="RK-NODE-PERM"]');
    await found.waitFor();
    assert.match(await found.textContent(), /this user may not open the nodes.*sudo usermod -aG render user/);
    assert.ok(await page.isVisible('#findings-link'));
    assert.equal(await page.textContent('[data-blind]:visible'), 'the kernel log cannot be read (give it CAP_SYSLOG)');
    return page;
  },

  async 'it works without a mouse'(browser, url) {
    const page = await open(browser, url);
    const chooser = page.waitForEvent('filechooser');  // early: it takes a moment to be listened for
    const missing = new Set(['file', 'model', 'top', 'copy']);
    for (let i = 0; i < 20 && missing.size > 0; ++i) {
      await page.keyboard.press('Tab');
      missing.delete(await page.evaluate(() => document.activeElement.id));
    }
    assert.deepEqual([...missing], [], 'Tab reaches everything');
    await page.focus('#file');
    await page.keyboard.press('Enter');
    await (await chooser).setFiles(pictureOf(CLASSIFIER));
    await page.waitForSelector('#top-label');
    await page.focus('#again');
    await page.evaluate(() => document.getElementById('top-label').remove());
    await page.keyboard.press('Enter');
    await page.waitForSelector('#top-label');
    return page;
  },

  async 'the chosen tab can be read under the mouse'(browser, url) {
    const page = await open(browser, url);
    await page.hover('#tab-picture');
    const {color, backgroundColor} = await page.evaluate(() => {
      const style = getComputedStyle(document.getElementById('tab-picture'));
      return {color: style.color, backgroundColor: style.backgroundColor};
    });
    assert.notEqual(color, backgroundColor);
    return page;
  },

  async 'a long path makes no phone scroll sideways'(browser, url) {
    const page = await open(browser, url, {viewport: {width: 360, height: 740}, hasTouch: true, isMobile: true});
    const where = '/home/somebody/.local/share/anynpu/models/a_package_with_a_name/1/model.of_many_words.float32.tflite';
    await page.route('**/status', async (route) => {
      const response = await route.fetch();
      const status = await response.json();
      status.models.push({name: 'broken', version: 1, state: 'failed', counters: null,
        error: {code: 'invalid', message: `${where} is cut off`, hint: `fetch ${where} again`}});
      status.recent_errors.push({time: 'now', status: 503, method: 'POST', path: '/infer', message: where});
      await route.fulfill({response, json: status});
    });
    await page.route('**/infer*', (route) => route.fulfill(
      {status: 503, json: {success: false, error: {message: `${where} is cut off`, hint: where}}}));
    await page.waitForSelector('[data-model="broken"]');
    await page.setInputFiles('#file', pictureOf(CLASSIFIER));
    await page.waitForSelector('#error:visible');
    await noSidewaysScroll(page);
    await shot(page, 'page-broken-phone');
    page.troubles.splice(0, page.troubles.length,
      ...page.troubles.filter((each) => !each.includes('status of 503')));
    return page;
  },

  async 'it is dark where that is wanted'(browser, url) {
    const colours = {};
    let page;
    for (const colorScheme of ['light', 'dark']) {
      page = await open(browser, url, {colorScheme});
      await drop(page, pictureOf(CLASSIFIER));
      await page.waitForSelector('#top-label');
      colours[colorScheme] = await page.evaluate(() =>
        getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    }
    assert.ok(colours.light.every((value) => value > 200), `${colours.light}`);
    assert.ok(colours.dark.every((value) => value < 60), `${colours.dark}`);
    await shot(page, 'page-dark');
    return page;
  },

  async 'it fits a phone'(browser, url) {
    const page = await open(browser, url, {viewport: {width: 360, height: 740}, hasTouch: true, isMobile: true});
    await noSidewaysScroll(page);
    await page.selectOption('#model', DETECTOR);
    await page.setInputFiles('#file', pictureOf(DETECTOR));
    await page.waitForSelector('#top-label');
    await page.waitForSelector(`[data-model="${CLASSIFIER}"] table`);
    await noSidewaysScroll(page);
    await shot(page, 'page-phone');
    return page;
  },
};

async function main() {
  needed(CHROMIUM, 'install Debian\'s package chromium');
  const server = await startServer(modelFlags([CLASSIFIER, DETECTOR, SPEECH]));
  const guarded = await startServer(modelFlags([CLASSIFIER]), {ANYNPU_SERVE_TOKEN: TOKEN, ANYNPU_MACHINE: MACHINE});
  let failed = 0;
  let browser;
  try {
    browser = await chromium.launch({executablePath: CHROMIUM, args: FLAGS});
    for (const [name, test] of Object.entries(tests)) {
      try {
        const page = await test(browser, server.url, guarded.url);
        assert.deepEqual(page.troubles, [], 'nothing broke on the page');
        console.log(`ok      ${name}`);
      } catch (problem) {
        ++failed;
        console.error(`FAILED  ${name}\n${problem.stack}`);
      }
      for (const context of browser.contexts()) await context.close();
    }
    for (const each of [server, guarded]) {
      const code = await each.stop();
      if (code !== 0) throw new Error(`a server ended with ${code} after SIGTERM`);
    }
  } finally {
    server.kill();
    guarded.kill();
    await browser?.close();
  }
  if (failed > 0) throw new Error(`${failed} of ${Object.keys(tests).length} failed`);
  console.log(`${Object.keys(tests).length} passed`);
}

main().then(() => process.exit(0), (problem) => {
  console.error(problem.message);
  process.exit(1);
});
