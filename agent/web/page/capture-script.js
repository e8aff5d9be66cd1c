// For browsers without AudioWorklet, and to compare with: a ScriptProcessorNode hands its blocks to the page's own thread,
// where whatever the page does delays them or loses them. How many are lost it does not say: the context's clock does.

import { Periods } from "./periods.js";

const BLOCK = 2048;

export class ScriptCapture {
  static path = "script";
  static label = "ScriptProcessor (old browsers)";
  static format = () => "pcm";
  static supported = () => "createScriptProcessor" in AudioContext.prototype;

  async start({ context, gate, latency_ms }, connection) {
    const rate = context.sampleRate;
    const { port1, port2 } = new MessageChannel();
    this.connection = connection;
    this.port = port2;
    connection.source({ rate, latency_ms, from: port1 });
    let index = 0;
    const periods = new Periods(rate, (period, time) => {
      const samples = period.slice();
      port2.postMessage({ index, time, samples }, [samples.buffer]);
      index += 1;
    });
    let frames = 0;
    let began = null;
    this.node = context.createScriptProcessor(BLOCK, 1, 1);
    this.node.onaudioprocess = ({ inputBuffer }) => {
      began ??= context.currentTime;
      const behind = (context.currentTime - began) * rate - frames;
      if (behind > 2 * BLOCK) {
        const lost = Math.floor(behind / periods.frames);
        index += lost;
        frames += lost * periods.frames;
      }
      periods.feed(inputBuffer.getChannelData(0), frames / rate);
      frames += inputBuffer.length;
    };
    gate.connect(this.node);
    this.node.connect(context.destination); // its output is silence, and without an output it is not run
  }

  restart() {}

  stop() {
    this.connection?.source(null);
    if (!this.node) return;
    this.node.onaudioprocess = null;
    this.node.disconnect();
    this.port.close();
  }
}
