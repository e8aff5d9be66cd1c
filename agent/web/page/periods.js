// Blocks of samples of any length (128 in an AudioWorklet) become periods of exactly 10 ms: what the agent is fed with.
// Nothing is lost or made up at the seams. Used inside the audio thread: it allocates nothing.

export class Periods {
  /** `put(period, time)`: an Int16Array that is used again, and when its first sample came, in seconds. */
  constructor(rate, put) {
    this.rate = rate;
    this.frames = Math.floor(rate / 100);
    this.put = put;
    this.period = new Int16Array(this.frames);
    this.filled = 0;
    this.time = 0;
  }

  /** `block`: Float32Array; `time`: of its first sample, in seconds. */
  feed(block, time) {
    for (let i = 0; i < block.length; i += 1) {
      if (this.filled === 0) this.time = time + i / this.rate;
      const value = Math.round(block[i] * 32768);
      this.period[this.filled] = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
      this.filled += 1;
      if (this.filled === this.frames) {
        this.filled = 0;
        this.put(this.period, this.time);
      }
    }
  }
}
