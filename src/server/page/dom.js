// SPDX-License-Identifier: Apache-2.0
// Small tools of the page: elements from text (never from markup) and numbers for people.

/** An element. Properties go to the element, "data-" and "aria-" ones and `role` to attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function milliseconds(value) {
  if (typeof value !== 'number') return '';
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

export const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

export function bytes(value) {
  if (value < 1000) return `${value} B`;
  const units = ['kB', 'MB', 'GB'];
  let unit = -1;
  for (; value >= 1000 && unit < 2; ++unit) value /= 1000;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function duration(seconds) {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([length]) => seconds >= length);
  if (first < 0) return 'just now';
  return parts.slice(first, first + 2)
    .map(([length, unit], i) => {
      const count = Math.floor((i === 0 ? seconds : seconds % parts[first][0]) / length);
      return count > 0 ? `${count} ${unit}` : '';
    })
    .filter(Boolean).join(' ');
}

/** A bar that is filled to a share from 0 to 1. */
export function bar(share) {
  const fill = make('span');
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return make('span', {className: 'track', 'aria-hidden': 'true'}, fill);
}

/** A small line of figures, the newest at its right end. */
export function spark(values) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 120 32');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('aria-hidden', 'true');
  const most = Math.max(...values, 1);
  const line = document.createElementNS(space, 'polyline');
  line.setAttribute('points', values.map((value, i) =>
    `${(120 - (values.length - 1 - i) * 2).toFixed(1)},${(30 - value / most * 28).toFixed(1)}`).join(' '));
  svg.append(line);
  return svg;
}

/** Colours that stay apart for neighbouring classes and are light enough for dark text. */
export const colourOf = (classId) => `hsl(${(classId * 67 + 168) % 360} 75% 68%)`;
