// SPDX-License-Identifier: Apache-2.0
// Runs on the browser's audio thread: passes the microphone's samples on to the page.
class Recorder extends AudioWorkletProcessor {
  process([channels]) {
    if (channels?.length) this.port.postMessage(channels[0].slice());
    return true;
  }
}
registerProcessor('recorder', Recorder);
