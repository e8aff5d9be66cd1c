// When a sample was in the air, on the page's clock. An audio context counts its own seconds; what it has heard arrives
// here a little later each time, so the smallest difference seen lately between the two clocks is the nearest to truth.
// "Lately", since sound cards run up to 0.01 % off.

const BUCKET_MS = 5000;

export class Stopwatch {
  constructor() {
    this.old = Infinity;
    this.young = Infinity;
    this.since = -Infinity;
  }

  /** At `now` (ms) the sample at `time` (s, the context's) had just arrived. */
  see(now, time) {
    if (now - this.since > BUCKET_MS) {
      this.old = this.young;
      this.young = Infinity;
      this.since = now;
    }
    this.young = Math.min(this.young, now - time * 1000);
  }

  /** The context's `time` (s) on the page's clock, in ms. */
  at(time) {
    return time * 1000 + Math.min(this.old, this.young);
  }
}
