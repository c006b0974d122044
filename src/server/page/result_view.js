// SPDX-License-Identifier: Apache-2.0
// Shows an answer of POST /infer: what was found, where it ran, how long each step took.
import {bar, byId, colourOf, make, milliseconds, percent} from './dom.js';

const STEPS = [
  ['transfer', 'Transfer', 'There and back: the network, and this browser'],
  ['decode', 'Decode', 'From the file to pixels'],
  ['preprocess', 'Preprocess', 'From pixels to the input of the model'],
  ['queue', 'Queue', 'Waiting for a free worker'],
  ['infer', 'Infer', 'The model itself'],
  ['postprocess', 'Postprocess', 'From its output to labels'],
];

const labelOf = (prediction) => prediction.label || `class ${prediction.class_id}`;

function scoreRow(prediction, index) {
  const row = make('li', {},
    make('span', {},
      prediction.box ? make('span', {className: 'key', 'aria-hidden': 'true'}) : null,
      labelOf(prediction)),
    make('span', {className: 'value'}, percent(prediction.score)),
    bar(prediction.score));
  if (prediction.box) {
    row.style.setProperty('--box', colourOf(prediction.class_id));
    row.tabIndex = 0;
    const point = (on) => {
      byId('boxes').classList.toggle('focused', on);
      byId('boxes').children[index]?.classList.toggle('now', on);
    };
    for (const event of ['mouseenter', 'focus']) row.addEventListener(event, () => point(true));
    for (const event of ['mouseleave', 'blur']) row.addEventListener(event, () => point(false));
  }
  return row;
}

function showBoxes(predictions) {
  byId('boxes').replaceChildren(...predictions.filter((p) => p.box_normalized).map((p) => {
    const {x_min, y_min, x_max, y_max} = p.box_normalized;
    const box = make('span', {className: 'box'},
      make('span', {}, `${labelOf(p)} ${percent(p.score)}`));
    box.style.setProperty('--box', colourOf(p.class_id));
    box.style.left = `${x_min * 100}%`;
    box.style.top = `${y_min * 100}%`;
    box.style.width = `${(x_max - x_min) * 100}%`;
    box.style.height = `${(y_max - y_min) * 100}%`;
    return box;
  }));
}

function timings(answer, roundTripMs) {
  const times = {...answer.timings_ms, transfer: Math.max(0, roundTripMs - answer.timings_ms.total)};
  const longest = Math.max(...STEPS.map(([key]) => times[key] ?? 0), 0.001);
  const rows = STEPS.map(([key, name, meaning]) =>
    make('li', {className: key, title: meaning, 'data-step': key},
      make('span', {}, name), bar((times[key] ?? 0) / longest),
      make('span', {className: 'value'}, milliseconds(times[key] ?? 0))));
  rows.push(make('li', {className: 'sum', 'data-step': 'total',
                        title: 'From the arrival of the picture to the answer'},
    make('span', {}, 'In all'), make('span', {className: 'quiet'}, 'in the server'),
    make('span', {className: 'value'}, milliseconds(times.total))));
  return make('div', {className: 'group'}, make('h4', {}, 'Time'),
    make('ul', {className: 'steps', id: 'timings'}, rows));
}

function headline(answer) {
  const found = answer.predictions;
  const size = `${answer.image.width} × ${answer.image.height} pixels`;
  if (found.length === 0)
    return [make('p', {className: 'first', id: 'top-label'}, 'Nothing that it knows'),
            make('p', {}, size)];
  if (!found[0].box)
    return [make('p', {className: 'first', id: 'top-label'}, labelOf(found[0])),
            make('p', {}, `${percent(found[0].score)} sure, ${size}`)];
  const counts = new Map();
  for (const each of found) counts.set(labelOf(each), (counts.get(labelOf(each)) ?? 0) + 1);
  const words = [...counts].map(([label, count]) => (count > 1 ? `${count} × ${label}` : label));
  return [make('p', {className: 'first', id: 'top-label'}, words.join(', ')),
          make('p', {}, `${found.length} found, ${size}`)];
}

function whereItRan(answer) {
  return make('div', {className: 'group'}, make('h4', {}, 'Where it ran'),
    make('div', {className: 'ran'},
      make('span', {className: 'chip', id: 'device'}, answer.device),
      make('span', {id: 'engine'}, `with ${answer.engine}`)),
    make('dl', {className: 'facts'},
      make('dt', {}, 'Model'), make('dd', {}, `${answer.model}, version ${answer.version}`),
      make('dt', {}, 'Artifact'), make('dd', {className: 'mono'}, answer.artifact),
      make('dt', {}, 'Input'), make('dd', {}, answer.shape.join(' × '))),
    answer.fallback === false ? null
      : make('p', {className: 'note warn', id: 'fallback'},
          `Not by its first choice: ${answer.fallback} (${answer.attempts} attempts)`),
    answer.why_no_npu
      ? make('p', {className: 'note', id: 'no-npu'}, make('strong', {}, 'Why no NPU: '),
          answer.why_no_npu)
      : null);
}

export function showAnswer(answer, roundTripMs) {
  byId('error').hidden = true;
  byId('empty').hidden = true;
  const result = byId('result');
  result.hidden = false;
  result.replaceChildren(
    make('div', {}, ...headline(answer)),
    make('ul', {className: 'scores', id: 'predictions', 'aria-label': 'What was found'},
      answer.predictions.map(scoreRow)),
    whereItRan(answer),
    timings(answer, roundTripMs));
  showBoxes(answer.predictions);
  const first = byId('top-label').textContent;
  byId('summary').textContent =
    `${first}. By ${answer.device} in ${milliseconds(answer.timings_ms.total)}.`;
}

/** Before the first answer; later the one that is there is dimmed. */
export function showWaiting(words) {
  if (!byId('result').hidden) return;
  byId('error').hidden = true;
  byId('empty').hidden = false;
  byId('empty').replaceChildren(make('p', {}, words));
  byId('summary').textContent = words;
}

const sentence = (text) => text && text[0].toUpperCase() + text.slice(1);

export function showError(message, hint, ...actions) {
  byId('result').hidden = true;
  byId('empty').hidden = true;
  byId('boxes').replaceChildren();
  byId('summary').textContent = '';
  const error = byId('error');
  error.hidden = false;
  error.replaceChildren(make('p', {}, make('strong', {}, sentence(message))),
    hint ? make('p', {}, sentence(hint)) : '', ...actions);
}
