// Periods on their way from the audio thread to the thread that sends, in memory both of them see. Nothing is allocated
// or posted for a period, and neither side ever waits for the other: a reader that sleeps too long finds the oldest
// periods overwritten, and can tell how many.
//
// Layout: Int32 "periods written" (one word, padded to 8 bytes) · HELD start times (Float64, s) · HELD periods (Int16).

const HELD = 200; // 2 s
const HEAD_BYTES = 8;

export function makeRing(frames) {
  return new SharedArrayBuffer(HEAD_BYTES + HELD * 8 + HELD * frames * 2);
}

function views(shared, frames) {
  return {
    head: new Int32Array(shared, 0, 1),
    times: new Float64Array(shared, HEAD_BYTES, HELD),
    slots: Array.from(
      { length: HELD },
      (_, slot) => new Int16Array(shared, HEAD_BYTES + HELD * 8 + slot * frames * 2, frames),
    ),
  };
}

export class RingWriter {
  constructor(shared, frames) {
    Object.assign(this, views(shared, frames));
    this.written = 0;
  }

  put(period, time) {
    const slot = this.written % HELD;
    this.slots[slot].set(period);
    this.times[slot] = time;
    this.written += 1;
    Atomics.store(this.head, 0, this.written);
    Atomics.notify(this.head, 0);
  }
}

export class RingReader {
  constructor(shared, frames) {
    Object.assign(this, views(shared, frames));
    this.frames = frames;
    this.read = 0;
  }

  /** All that has come, as packets of at most `most` periods: `take(index, time, samples)`. */
  drain(most, take) {
    const written = Atomics.load(this.head, 0);
    // The writer may be busy in the slot behind the newest: that one is the oldest of a full ring.
    this.read = Math.max(this.read, written - HELD + 1);
    while (this.read < written) {
      const count = Math.min(most, written - this.read);
      const samples = new Int16Array(count * this.frames);
      for (let i = 0; i < count; i += 1) samples.set(this.slots[(this.read + i) % HELD], i * this.frames);
      take(this.read, this.times[this.read % HELD], samples);
      this.read += count;
    }
  }

  /** Until there is more, or `timeout` ms have passed. */
  async more(timeout) {
    const waiting = Atomics.waitAsync(this.head, 0, this.read, timeout);
    if (waiting.async) await waiting.value;
  }
}

export const ringsWork = () =>
  globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function" && "waitAsync" in Atomics;
