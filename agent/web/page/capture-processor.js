// The AudioWorklet that listens: it cuts what it hears into periods and hands them to the thread that sends, through a
// ring in shared memory or, where the page is not isolated, through a MessagePort. The page's own thread has no part in
// it: a page that is busy drawing loses no sound.

import { Periods } from "./periods.js";
import { RingWriter } from "./ring.js";

const PERIODS_A_MESSAGE = 2;

class PortWriter {
  constructor(port, frames) {
    this.port = port;
    this.frames = frames;
    this.index = 0;
    this.begin();
  }

  begin() {
    this.samples = new Int16Array(PERIODS_A_MESSAGE * this.frames);
    this.count = 0;
  }

  put(period, time) {
    if (this.count === 0) this.time = time;
    this.samples.set(period, this.count * this.frames);
    this.count += 1;
    if (this.count < PERIODS_A_MESSAGE) return;
    const { index, samples } = this;
    this.index += this.count;
    this.port.postMessage({ index, time: this.time, samples }, [samples.buffer]);
    this.begin();
  }
}

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.going = true;
    this.periods = null;
    this.port.onmessage = ({ data }) => {
      if (data.stop) {
        this.going = false;
        return;
      }
      const frames = Math.floor(sampleRate / 100);
      const writer = data.ring ? new RingWriter(data.ring, frames) : new PortWriter(data.to, frames);
      this.periods = new Periods(sampleRate, (period, time) => writer.put(period, time));
    };
  }

  process([input]) {
    if (this.going && this.periods && input.length) this.periods.feed(input[0], currentTime);
    return this.going;
  }
}

registerProcessor("listener", Listener);
