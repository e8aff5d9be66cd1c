// The page's loudspeaker: the playing worklet, and when what it played was really heard. The browser says how long sound
// is on its way to the ear (outputLatency, which counts a Bluetooth headset too; baseLatency where it does not know).
//
// A browser lets no page make a sound before somebody has touched it: the audio context is made with the first touch.

const SETTLE_MS = 250;

export class Player {
  constructor(connection) {
    this.connection = connection;
    this.rate = undefined;
    this.context = null;
    this.percent = null;
    this.busy = false;
    this.changed = () => {};
    connection.on("welcome", ({ speech_hz }) => { this.rate = speech_hz; });
    connection.on("volume", ({ percent }) => { this.percent = percent; });
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.wake(), { capture: true });
  }

  /** After somebody touched the page. */
  async wake() {
    if (this.context) {
      if (this.context.state !== "running") await this.context.resume().catch(() => {});
      return;
    }
    // At the rate of the speech the browser resamples, which it does better than a straight line.
    this.context = new AudioContext({ latencyHint: "interactive", sampleRate: this.rate });
    await this.context.audioWorklet.addModule(new URL("player-processor.js", import.meta.url));
    const node = new AudioWorkletNode(this.context, "speaker", {
      numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [1],
    });
    node.port.onmessage = ({ data }) => this.#heard(data);
    node.connect(this.context.destination);
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage({ to: port2 }, [port2]);
    if (this.percent !== null) node.port.postMessage({ type: "volume", percent: this.percent });
    this.node = node;
    this.connection.player(port1);
  }

  /** Silence, before the agent says so. */
  hush(turn) {
    this.node?.port.postMessage({ type: "drop", turn });
  }

  /** How long sound is on its way, in ms. */
  get latency_ms() {
    if (!this.context) return 0;
    return (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
  }

  /** When what the context renders at `time` (s) is in the air, in ms of the page's clock. */
  #moment(time) {
    return performance.now() + (time - this.context.currentTime) * 1000 + this.latency_ms;
  }

  #heard(data) {
    if (data.played) {
      const { turn, frames, time } = data.played;
      this.connection.say("playing", { turn, frames, at: this.#moment(time) });
    } else if (data.drained !== undefined) {
      const wait = Math.min(SETTLE_MS, Math.max(0, this.#moment(data.time) - performance.now()));
      setTimeout(() => this.connection.say("drained", { turn: data.drained }), wait);
    } else {
      this.busy = data.busy;
      this.changed(data.busy);
    }
  }
}
