// SPDX-License-Identifier: Apache-2.0
// Asks the server, with its token where it wants one. The token stays in this tab.
import {byId} from './dom.js';

const KEY = 'anynpu-token';
const waiting = [];

export const hasToken = () => Boolean(sessionStorage.getItem(KEY));

/** fetch(), which asks for the token once when the server does and then tries again. */
export async function ask(address, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = {...options.headers, ...(token ? {Authorization: `Bearer ${token}`} : {})};
    const response = await fetch(address, {...options, headers});
    if (response.status !== 401) return response;
    if (sessionStorage.getItem(KEY) === token) sessionStorage.removeItem(KEY);
    await tokenGiven();
  }
}

function tokenGiven() {
  byId('token-form').hidden = false;
  return new Promise((resolve) => waiting.push(resolve));
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId('token').value.trim());
  byId('token').value = '';
  byId('token-form').hidden = true;
  for (const go of waiting.splice(0)) go();
});
