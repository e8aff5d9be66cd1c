// The AudioWorklet that speaks. It holds what is to be said and does what must be done at once: silence a turn, turn it
// down, mix a short sound over it. What it says about itself is in the context's time; player.js makes moments of it.
//
// In:  SPEECH and SOUND frames {kind, rate, number, time, samples} · {type: "end"|"drop", turn} · {type: "duck", db,
//      ramp_ms} · {type: "volume", percent} · {type: "forget"}, after which turns count from the beginning.
// Out: {played: {turn, frames, time}} with the first sound and every 100 ms · {drained: turn, time} · {busy}.

import { SPEECH } from "./protocol.js";
import { Ramp, Voice } from "./voice.js";

const REPORT_S = 0.1;
const FADE_S = 0.008;
const HELD_S = 300; // of speech; more than that is no reply any more

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = []; // Voices, in the order in which they are spoken
    this.mixed = []; // Voices over them: sounds, and what is fading out
    this.newest = -1; // the newest turn that was silenced
    this.ended = new Set();
    this.last = null; // {turn, frames}: where speech is
    this.reported = -Infinity;
    this.duck = new Ramp(1);
    this.volume = new Ramp(1);
    this.port.onmessage = ({ data }) => {
      if (data.to) data.to.onmessage = (event) => this.take(event.data);
      else this.take(data);
    };
  }

  take(data) {
    switch (data.type) {
      case undefined: return this.add(data);
      case "end": return data.turn > this.newest ? void this.ended.add(data.turn) : undefined;
      case "drop": return this.drop(data.turn);
      case "duck": return this.duck.to(10 ** (Math.min(0, data.db) / 20), (data.ramp_ms / 1000) * sampleRate);
      // People feel loudness about as the cube; the agent's own speaker does the same.
      case "volume": return this.volume.to((data.percent / 100) ** 3, 0.03 * sampleRate);
      case "forget": return this.forget();
      default: return undefined;
    }
  }

  add(frame) {
    const voice = new Voice(frame.samples, frame.rate / sampleRate, frame.number, frame.time);
    if (frame.kind !== SPEECH) return void this.mixed.push(voice);
    const held = this.queue.reduce((sum, each) => sum + each.left, 0);
    if (frame.number > this.newest && held < HELD_S * sampleRate) this.queue.push(voice);
    return undefined;
  }

  drop(turn) {
    this.newest = Math.max(this.newest, turn);
    const [first] = this.queue;
    if (first && first.turn <= turn) {
      first.fade(FADE_S * sampleRate, this.duck.value);
      this.mixed.push(first);
    }
    this.queue = this.queue.filter((voice) => voice.turn > turn);
    for (const each of this.ended) if (each <= turn) this.ended.delete(each);
    if (this.last && this.last.turn <= turn) this.last = null;
    this.say();
  }

  forget() {
    this.drop(Infinity);
    this.newest = -1;
  }

  process(_inputs, [[left, ...others]]) {
    this.speak(left);
    const loud = this.duck;
    for (let i = 0; i < left.length; i += 1) left[i] *= loud.next();
    if (this.mixed.length) this.mixed = this.mixed.filter((voice) => voice.add(left, 0) === left.length);
    for (let i = 0; i < left.length; i += 1) left[i] *= this.volume.next();
    for (const other of others) other.set(left);
    this.settle();
    return true;
  }

  /** Speech into the block, from as many frames of it as that takes. */
  speak(block) {
    let at = 0;
    while (at < block.length && this.queue.length) {
      const [voice] = this.queue;
      if (!this.last || this.last.turn !== voice.turn) this.reported = -Infinity;
      at = voice.add(block, at);
      this.last = { turn: voice.turn, frames: voice.position };
      if (voice.left > 0) break;
      this.queue.shift();
      this.queue[0]?.follow(voice);
    }
    if (at === 0) return;
    const time = currentTime + at / sampleRate;
    if (time - this.reported >= REPORT_S) {
      this.reported = time;
      this.port.postMessage({ played: { ...this.last, time } });
    }
  }

  /** Turns whose end is known and which have nothing left are over. */
  settle() {
    const time = currentTime + 128 / sampleRate;
    for (const turn of this.ended) {
      if (this.queue.some((voice) => voice.turn === turn)) continue;
      this.ended.delete(turn);
      if (this.last?.turn === turn) this.port.postMessage({ played: { ...this.last, time } });
      this.port.postMessage({ drained: turn, time });
      this.last = null;
    }
    this.say();
  }

  say() {
    const busy = this.queue.length > 0;
    if (busy !== this.busy) this.port.postMessage({ busy });
    this.busy = busy;
  }
}

registerProcessor("speaker", Speaker);
