// SPDX-License-Identifier: Apache-2.0
// Asks the server, with its token where it wants one. The token stays in this tab.
import {byId} from './dom.js';

const KEY = 'anynpu-token';
const ALLOWED = /^[\w.~+/=-]+$/;  // in the server's configuration, too
const waiting = [];

export const hasToken = () => Boolean(sessionStorage.getItem(KEY));

/** fetch(), which asks for the token once when the server does and then tries again. */
export async function ask(address, {timeoutMs, ...options} = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = {...options.headers, ...(token ? {Authorization: `Bearer ${token}`} : {})};
    const signal = timeoutMs ? AbortSignal.timeout(timeoutMs) : options.signal;
    const response = await fetch(address, {...options, headers, signal});
    if (response.status !== 401) return response;
    const newest = sessionStorage.getItem(KEY);
    if (newest && newest !== token) continue;
    sessionStorage.removeItem(KEY);
    await tokenGiven(token ? 'That was not the token.' : '');
  }
}

/** What to say when `ask` could not send a file: one that was dropped may be a folder. */
export async function whyNoAnswer(file, problem) {
  try {
    await file.stream().getReader().read();
  } catch {
    return ['This file cannot be read.',
            'It is a folder, or it was moved or changed since it was chosen.'];
  }
  return ['The server did not answer.', 'Is it still running? ' + problem.message];
}

function tokenGiven(trouble) {
  byId('token-form').hidden = false;
  if (trouble) sayWhy(trouble);
  return new Promise((resolve) => waiting.push(resolve));
}

function sayWhy(trouble) {
  byId('token-trouble').textContent = trouble;
  byId('token-trouble').hidden = false;
  byId('token').focus();
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  if (!ALLOWED.test(token)) {
    sayWhy('A token has letters, digits and -._~+/= only.');
    return;
  }
  sessionStorage.setItem(KEY, token);
  byId('token').value = '';
  byId('token-trouble').hidden = true;
  byId('token-form').hidden = true;
  for (const go of waiting.splice(0)) go();
});
