// The microphone, up to where its sound leaves the page. What the ways of taking sound have in common is here: asking for
// the microphone, the audio context, a gain that makes silence when the talker has let go, and an analyser for the meter.
// A way is a class with static `path`, `label`, `format()` and `supported()`, and `start(graph, connection)`, `stop()`,
// and `restart()`, for a connection that is a new one.

import { CAPTURE_RATES_HZ } from "./protocol.js";
import { RecorderCapture } from "./capture-recorder.js";
import { ScriptCapture } from "./capture-script.js";
import { WebRtcCapture } from "./capture-webrtc.js";
import { WorkletCapture } from "./capture-worklet.js";

const WAYS = [WorkletCapture, RecorderCapture, ScriptCapture, WebRtcCapture];
const FALLBACK_HZ = 48000;
const SILENCE_RAMP_S = 0.005;

let taken = null; // what the agent takes, once it has said so

export const waysTaken = (paths) => { taken = paths ?? null; };
export const ways = () => WAYS.filter((way) => way.supported() && (!taken || taken.includes(way.path)));
export const wayOf = (path) => ways().find((way) => way.path === path) ?? WorkletCapture;

/** A context at the device's own rate, where the agent takes that. */
function makeContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  if (CAPTURE_RATES_HZ.includes(context.sampleRate)) return context;
  context.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate: FALLBACK_HZ });
}

function constraints(prefs) {
  return {
    audio: {
      channelCount: 1,
      echoCancellation: prefs.echo,
      noiseSuppression: prefs.noise,
      autoGainControl: prefs.gain,
      ...(prefs.device ? { deviceId: { ideal: prefs.device } } : {}),
    },
  };
}

export class Capture {
  /** `ended()`: the microphone went away by itself. */
  constructor(connection, ended) {
    this.connection = connection;
    this.ended = ended;
    this.graph = null;
    this.way = null;
    this.attempt = 0;
  }

  /** Raises what getUserMedia does (NotAllowedError, NotFoundError …), and AbortError where `stop` came first. */
  async start(prefs) {
    this.attempt += 1;
    const mine = this.attempt;
    const wanted = () => {
      if (mine !== this.attempt) throw new DOMException("switched off meanwhile", "AbortError");
    };
    const stream = await navigator.mediaDevices.getUserMedia(constraints(prefs));
    try {
      wanted();
      await this.#open(stream, prefs, wanted);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  async #open(stream, prefs, wanted) {
    const context = makeContext();
    // A phone takes the sound away for a call, and some browsers for less.
    context.onstatechange = () => { if (context.state !== "closed") context.resume().catch(() => {}); };
    const resumed = context.resume();
    const input = context.createMediaStreamSource(stream);
    const gate = new GainNode(context);
    const analyser = new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0 });
    input.connect(gate).connect(analyser);
    const track = stream.getAudioTracks()[0];
    track.onended = () => this.ended();
    this.graph = { context, stream, input, gate, analyser, latency_ms: (track.getSettings().latency ?? 0) * 1000 };
    const Way = wayOf(prefs.path);
    this.way = new Way();
    this.connection.introduce({ path: Way.path, format: Way.format(), rate_hz: context.sampleRate });
    await Promise.all([resumed, this.connection.ready()]);
    wanted();
    await this.way.start(this.graph, this.connection);
    wanted();
  }

  /** From now on zeros: the stream goes on, what is said does not. */
  silence(on) {
    if (!this.graph) return;
    const { gate, context } = this.graph;
    gate.gain.setTargetAtTime(on ? 0 : 1, context.currentTime, SILENCE_RAMP_S / 5);
  }

  stop() {
    this.attempt += 1;
    if (this.way) this.way.stop();
    this.way = null;
    if (!this.graph) return;
    const { stream, context } = this.graph;
    for (const track of stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    context.close();
    this.graph = null;
  }

  /** The connection is a new one. */
  restart() {
    if (this.way) this.way.restart();
  }
}
