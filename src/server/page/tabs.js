// SPDX-License-Identifier: Apache-2.0
// Two tabs, by mouse, by arrow keys, and by address (#speech).
import {byId} from './dom.js';

const NAMES = ['picture', 'speech'];

export const currentTab = () =>
  NAMES.find((name) => byId(`tab-${name}`).getAttribute('aria-selected') === 'true');

export function showTab(name, focus = false) {
  for (const each of NAMES) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute('aria-selected', String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
  }
  for (const part of document.querySelectorAll('[data-tab]')) part.hidden = part.dataset.tab !== name;
  if (focus) byId(`tab-${name}`).focus();
}

for (const name of NAMES) {
  const tab = byId(`tab-${name}`);
  tab.addEventListener('click', () => showTab(name));
  tab.addEventListener('keydown', (event) => {
    if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
    event.preventDefault();
    const last = event.key === 'ArrowRight' || event.key === 'End';
    showTab(NAMES[last ? 1 : 0], true);
  });
}
const follow = () => { if (location.hash === '#speech') showTab('speech'); };
addEventListener('hashchange', follow);
follow();
