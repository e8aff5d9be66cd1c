// When to try again: at once after a loss, then ever more seldom, with a little chance in it so that the pages of a house
// do not all come in the same moment; and not at all where somebody has to decide first.

const FIRST_MS = 400;
const MOST_MS = 15000;
const STEADY_MS = 5000; // a connection that stood so long was a good one
const FINAL = new Set(["elsewhere", "bad_message", "recording"]); // see `Ending` in agent/web/protocol.py

export class Redial {
  /** `connect()`; `waiting(ms)`: the next try is so far away. */
  constructor(connect, waiting) {
    this.connect = connect;
    this.waiting = waiting;
    this.pause = FIRST_MS;
    this.timer = 0;
    this.since = null;
    this.over = false;
  }

  now() {
    clearTimeout(this.timer);
    this.over = false;
    this.connect();
  }

  /** The agent ends this connection, and for some reasons coming again would only repeat it. */
  refused(code) {
    this.over = FINAL.has(code);
  }

  failed() {
    clearTimeout(this.timer);
    if (this.since !== null && performance.now() - this.since > STEADY_MS) this.pause = FIRST_MS;
    this.since = null;
    if (this.over) return;
    const wait = this.pause * (0.75 + Math.random() / 2);
    this.pause = Math.min(this.pause * 2, MOST_MS);
    this.waiting(wait);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  succeeded() {
    this.since = performance.now();
  }
}
