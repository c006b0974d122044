// SPDX-License-Identifier: Apache-2.0
// Starts the server under test, and finds the models, pictures and spoken words that tests use.
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

export const PATIENCE_MS = 60_000;

export function needed(file, hint) {
  if (!file || !fs.existsSync(file)) throw new Error(`${file} is not there: ${hint}`);
  return file;
}

export const dataHome =
  path.join(process.env.XDG_DATA_HOME || path.join(os.homedir(), '.local/share'), 'anynpu');

/** The file of a simulated machine, for ANYNPU_MACHINE. */
export const machineOf = (name) =>
  fileURLToPath(new URL(`../../sim/machines/${name}.machine`, import.meta.url));

/** "Front_Center": the file in which these words are spoken. */
export const spoken = (words) =>
  needed(path.join(dataHome, 'test-sounds', `${words}.wav`), 'run tools/setup test');

/**
 * Resolves with the address, the process id, and functions that end it. The machine has no NPU, also
 * where this one has, unless `env` names another.
 */
export async function startServer(args, env = {}) {
  const binary = needed(process.env.ANYNPU_BINARY ?? '', 'set ANYNPU_BINARY to the program');
  const server = spawn(binary, ['serve', ...args],
    {stdio: ['ignore', 'pipe', 'pipe'], env: {...process.env, ANYNPU_MACHINE: machineOf('no-npu-amd64'), ...env}});
  let said = '';
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address after a minute: ${said}`)), PATIENCE_MS);
    const listen = (text) => {
      said += text;
      const found = said.match(/http:\/\/[^\s"]+\//);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[0]);
    };
    server.stdout.on('data', listen);
    server.stderr.on('data', listen);
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  const ended = new Promise((resolve) => server.on('exit', resolve));
  return {
    url,
    pid: server.pid,
    said: () => said,
    stop: async () => { server.kill('SIGTERM'); return ended; },
    kill: async () => { server.kill('SIGKILL'); return ended; },
  };
}
