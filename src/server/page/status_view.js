// SPDX-License-Identifier: Apache-2.0
// Shows GET /status: models with their placements and the reasons, devices, figures, errors.
import {byId, bytes, duration, make, milliseconds, spark} from './dom.js';

const PILL = {
  ok: 'good', ready: 'good', chosen: 'good', starting: 'warn', loading: 'warn', degraded: 'warn',
  draining: 'warn', quarantined: 'warn', failed: 'bad', unusable: 'bad', 'not reachable': 'bad',
};
const pill = (word) => make('span', {className: `pill ${PILL[word] ?? ''}`}, word);

function placementRow(candidate, role) {
  const measured = candidate.measured;
  const speed = measured ? milliseconds(measured.median_ms) : '';
  const agreement = measured ? measured.cosine.toFixed(4) : '';
  const reasons = {
    chosen: 'the fastest that agrees with the reference',
    standby: 'it takes over when the chosen one fails',
    rejected: candidate.rejected,
  };
  return make('tr', {},
    make('td', {}, pill(role)),
    make('td', {'data-name': 'Device'}, candidate.device),
    make('td', {'data-name': 'Engine'}, candidate.engine),
    make('td', {'data-name': 'Artifact', className: 'mono'}, candidate.artifact),
    make('td', {'data-name': 'Median', className: 'number'}, speed),
    make('td', {'data-name': 'Agreement', className: 'number',
                title: 'Cosine of its output and the reference\'s on the test picture'}, agreement),
    make('td', {'data-name': 'Why'}, reasons[role] ?? ''));
}

function placements(placement) {
  const columns = ['', 'Device', 'Engine', 'Artifact', 'Median', 'Agreement', 'Why'];
  const number = (name) => (name === 'Median' || name === 'Agreement' ? 'number' : '');
  return make('table', {className: 'placements'},
    make('thead', {}, make('tr', {}, columns.map(
      (name) => make('th', {scope: 'col', className: number(name)}, name)))),
    make('tbody', {},
      placement.ranked.map((each, i) => placementRow(each, i === 0 ? 'chosen' : 'standby')),
      placement.rejected.map((each) => placementRow(each, 'rejected'))));
}

function work(model) {
  const counters = model.counters;
  if (!counters) return null;
  const workers = model.instances?.length ?? 0;
  const parts = [`${workers} worker${workers === 1 ? '' : 's'}`, `${counters.answered} answered`];
  if (counters.queued) parts.push(`${counters.queued} waiting`);
  if (counters.fallbacks) parts.push(`${counters.fallbacks} by fallback`);
  if (counters.worker_restarts) parts.push(`${counters.worker_restarts} worker restarts`);
  if (counters.failed) parts.push(`${counters.failed} failed`);
  return parts.join(', ');
}

// What the last minutes looked like, kept by this page: one figure per look at the status.
const KEPT = 60;
const history = new Map();
const keyOf = (model) => `${model.name} ${model.version}`;
function remember(models) {
  for (const model of models) {
    const key = keyOf(model);
    const list = history.get(key) ?? [];
    list.push(model.lately ? model.lately.per_second : 0);
    history.set(key, list.slice(-KEPT));
  }
}

function live(model) {
  const lately = model.lately;
  const rate = lately ? lately.per_second : 0;
  return make('div', {className: 'live', 'data-live': model.name, 'data-line': keyOf(model)},
    spark(history.get(keyOf(model)) ?? []),
    make('dl', {className: 'figures'},
      make('div', {}, make('dt', {}, 'Throughput'),
        make('dd', {}, `${rate.toFixed(rate < 10 ? 1 : 0)} / s`)),
      make('div', {}, make('dt', {}, 'Latency, median'),
        make('dd', {}, lately ? milliseconds(lately.p50_ms) : '–')),
      make('div', {}, make('dt', {}, 'Latency, 99 %'),
        make('dd', {}, lately ? milliseconds(lately.p99_ms) : '–'))));
}

export const verbButton = (verb, name) => make('button', {type: 'button', className: 'plain',
  'data-verb': verb, 'data-name': name, 'aria-label': `${verb} ${name}`}, verb);

// Its NPU may fail without being noticed.
function blind(model) {
  const why = (model.instances ?? []).find((each) => each.blind)?.blind;
  return why
    ? make('p', {className: 'note warn', 'data-blind': model.name}, why.message, ` (${why.hint})`)
    : null;
}

const share = (model) =>
  (typeof model.share === 'number' ? `${Math.round(model.share * 100)} % of the requests` : null);

function modelCard(model, reason) {
  const facts = [
    model.task === 'detect' ? 'finds objects' : model.task === 'classify' ? 'names pictures'
                                                                          : model.task,
    `version ${model.version}${model.labels?.length ? ` (${model.labels.join(', ')})` : ''}`,
    share(model),
    model.input ? `${model.input.width} × ${model.input.height}` : null,
    model.license || null,
    work(model),
  ].filter(Boolean).join(' · ');
  return make('article', {className: 'model', 'data-model': model.name},
    make('div', {className: 'head'}, make('h3', {}, model.title || model.name), pill(model.state),
      model.default ? make('small', {}, 'the default') : null,
      model.replacing ? make('small', {}, 'a newer one is being loaded') : null,
      make('span', {className: 'push'}), verbButton('unload', model.name)),
    make('p', {className: 'quiet'}, make('code', {}, model.name), ` · ${facts}`),
    model.error
      ? make('p', {className: 'note warn'}, model.error.message,
          model.error.hint ? ` (${model.error.hint})` : '')
      : null,
    blind(model),
    model.state === 'ready' ? live(model) : null,
    model.placement ? placements(model.placement) : null,
    reason ? whyNoNpu(reason) : null);
}

const whyNoNpu = (reason) =>
  make('p', {className: 'note'}, make('strong', {}, 'Why no NPU: '), reason);

// What is true of all models is said once, above them.
function modelCards(models) {
  const reasons = new Set(models.map((each) => each.placement?.no_npu ?? ''));
  const common = reasons.size === 1 ? [...reasons][0] : '';
  return [
    common ? whyNoNpu(common) : '',
    ...models.map((each) => modelCard(each, common ? '' : each.placement?.no_npu)),
  ];
}

function deviceTile(device) {
  return make('article', {className: 'tile', 'data-device': device.id},
    make('div', {className: 'head'}, make('h3', {}, device.id), pill(device.status)),
    make('p', {}, device.title, device.cores ? `, ${device.cores} cores` : ''),
    device.reason ? make('p', {className: 'quiet'}, device.reason) : null,
    device.hint ? make('p', {}, make('strong', {}, 'Next: '), device.hint) : null,
    device.evidence?.length
      ? make('details', {}, make('summary', {}, 'What was read'),
          make('ul', {}, device.evidence.map((each) => make('li', {}, each))))
      : null);
}

function finding(each) {
  const remedy = each.remedy ?? {};
  return make('article', {className: 'model', 'data-finding': each.id},
    make('div', {className: 'head'}, make('h3', {}, each.title || each.id),
      each.layer ? make('small', {}, each.layer) : null),
    each.cause ? make('p', {}, each.cause) : null,
    remedy.text ? make('p', {}, make('strong', {}, 'Next: '), remedy.text) : null,
    (remedy.commands ?? []).map((command) => make('pre', {}, make('code', {}, command))));
}

function showFindings(findings) {
  byId('findings').hidden = findings.length === 0;
  byId('findings-link').hidden = findings.length === 0;
  put('finding-list', findings, (list) => list.map(finding));
}

function figures(status) {
  const entries = [
    ['Version', status.version], ['Up for', duration(status.uptime_s)],
    ['Requests', status.server.requests_total], ['Connections', status.server.connections],
    ['Memory', bytes(status.process.rss_bytes)], ['Threads', status.process.threads],
    ['Open files', status.process.fds],
  ];
  return entries.map(([name, value]) => make('div', {}, make('dt', {}, name),
    make('dd', {}, String(value))));
}

function recentErrors(errors) {
  if (errors.length === 0) return make('p', {className: 'quiet'}, 'No errors so far.');
  return make('details', {open: errors.length <= 3},
    make('summary', {}, `The last ${errors.length} error${errors.length === 1 ? '' : 's'}`),
    make('ul', {}, errors.map((each) => make('li', {},
      `${each.time} · ${each.status} ${each.method} ${each.path}: ${each.message}`))));
}

// Only what has changed is put in place, so that an open detail or a selection stays.
const shown = new Map();
function put(id, value, build) {
  const text = JSON.stringify(value);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const focused = byId(id).contains(document.activeElement)
    ? document.activeElement.getAttribute('aria-label') : null;
  byId(id).replaceChildren(...[build(value)].flat());
  if (focused) byId(id).querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

export function showHealth(word) {
  const health = byId('health');
  if (health.textContent !== word) health.textContent = word;
  health.className = `pill ${PILL[word] ?? ''}`;
}

export function showStatus(status) {
  showHealth(status.status);
  remember(status.models);
  if (byId('model-list').dataset.stale) {
    delete byId('model-list').dataset.stale;
    shown.delete('model-list');
  }
  put('model-list', [status.models, status.available], ([models, available]) => [
    ...modelCards(models),
    models.length + available.length === 0
      ? make('p', {className: 'note warn'}, 'There is no model on this machine. Get one with: ',
          make('code', {}, 'anynpu models pull mobilenet_v1'))
      : '',
    available.length > 0
      ? make('div', {className: 'store'}, make('p', {className: 'quiet'}, 'In the store:'),
          make('ul', {}, available.map((each) => make('li', {}, make('code', {}, each.name),
            ' ', verbButton('load', each.name)))))
      : '',
  ]);
  // They go on when nothing else changes.
  for (const model of status.models)
    document.querySelector(`[data-line="${CSS.escape(keyOf(model))}"] .spark`)
      ?.replaceWith(spark(history.get(keyOf(model))));
  put('device-list', status.devices, (devices) => devices.map(deviceTile));
  showFindings(status.findings ?? []);
  put('figures', figures(status).map((each) => each.textContent), () => figures(status));
  put('errors', status.recent_errors, recentErrors);
}
