// Where the sending thread gets periods from: a ring in shared memory, or a MessagePort (of the listening worklet, or of
// the page for its ScriptProcessorNode). Either way packets come with the index of their first period, whose jumps are
// losses, and with the audio context's time, which a stopwatch turns into the page's.

import { RingReader } from "./ring.js";
import { Stopwatch } from "./stopwatch.js";

const PERIODS_A_PACKET = 2;
const NAP_MS = 250;
const SETTLING = 8; // periods that wait at the beginning, until the stopwatch has seen enough not to go back

export class Source {
  /** `order`: {rate, latency_ms, ring} or {rate, latency_ms, from}; `take(samples, periods, skipped, time, rate)`. */
  constructor(order, clock, take) {
    this.rate = order.rate;
    this.frames = Math.floor(order.rate / 100);
    this.latency_ms = order.latency_ms;
    this.clock = clock;
    this.take = take;
    this.next = 0;
    this.watch = new Stopwatch();
    this.held = [];
    this.going = true;
    this.from = order.from ?? null;
    if (order.ring) this.follow(new RingReader(order.ring, this.frames));
    else this.from.onmessage = ({ data }) => this.packet(data.index, data.time, data.samples);
  }

  stop() {
    this.going = false;
    if (this.from) this.from.close();
  }

  async follow(ring) {
    while (this.going) {
      ring.drain(PERIODS_A_PACKET, (index, time, samples) => this.packet(index, time, samples));
      await ring.more(NAP_MS);
    }
  }

  packet(index, time, samples) {
    if (!this.going) return;
    const periods = samples.length / this.frames;
    this.watch.see(this.clock(), time + periods / 100);
    this.held.push({ samples, periods, skipped: index - this.next, time });
    this.next = index + periods;
    if (this.next >= SETTLING) for (const each of this.held.splice(0)) this.send(each);
  }

  send({ samples, periods, skipped, time }) {
    this.take(samples, periods, skipped, this.watch.at(time) - this.latency_ms, this.rate);
  }
}
