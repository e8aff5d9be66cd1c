// The usual way: an AudioWorklet cuts periods in the audio thread, and the sending worker takes them from there. See
// capture-processor.js.

import { makeRing, ringsWork } from "./ring.js";

export class WorkletCapture {
  static path = "worklet";
  static label = "AudioWorklet (best)";
  static format = () => "pcm";
  static supported = () => typeof AudioWorkletNode === "function";

  async start({ context, gate, latency_ms }, connection) {
    await context.audioWorklet.addModule(new URL("capture-processor.js", import.meta.url));
    const rate = context.sampleRate;
    this.connection = connection;
    this.node = new AudioWorkletNode(context, "listener", {
      numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
    });
    if (ringsWork()) {
      const ring = makeRing(Math.floor(rate / 100));
      connection.source({ rate, latency_ms, ring });
      this.node.port.postMessage({ ring });
    } else {
      const { port1, port2 } = new MessageChannel();
      connection.source({ rate, latency_ms, from: port1 });
      this.node.port.postMessage({ to: port2 }, [port2]);
    }
    gate.connect(this.node);
  }

  restart() {}

  stop() {
    this.connection?.source(null);
    this.node?.port.postMessage({ stop: true });
    this.node?.disconnect();
  }
}
