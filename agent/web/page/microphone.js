// When the microphone is on, and why. It is on only while somebody wants it:
//
// - push to talk, tapped: until the agent has found the end and answers; again when it asks back.
// - push to talk, held: until the talker lets go; then zeros follow while the agent listens, for it finds the end of an
//   utterance in what comes after it.
// - hands-free: all the time, but not in a page that nobody sees or uses any more.
//
// `state`: "off", "starting", "on", or "failed" with `fault` (see view-notices.js); `held`: a finger is on the button.

import { Capture } from "./capture.js";
import { keep, prefs } from "./prefs.js";

const TAP_MS = 400;
const FLOWING_MS = 600; // sound that goes another way than by the connection is not seen to flow
const UNANSWERED_MS = 15000; // the first time, engines are loaded

export class Microphone {
  constructor(connection, player) {
    this.connection = connection;
    this.player = player;
    this.capture = new Capture(connection, () => this.#fail("ended"));
    this.state = "off";
    this.fault = "";
    // Why hands-free does not listen: "hidden", "idle", or "start": a page may take no sound before it was touched.
    this.resting = this.free ? "start" : "";
    this.held = false;
    this.silenced = false;
    this.asked = false; // this conversation was begun with the button
    this.pressed = false; // and the agent has not begun to listen yet
    this.phase = "idle";
    this.turn = 0;
    this.changed = () => {};
    this.#watch();
  }

  get free() {
    return prefs.mode === "free";
  }

  // -------------------------------------------------------------- the button

  async press() {
    if (this.held) return;
    this.held = true;
    this.tapped = false;
    this.pressedAt = performance.now();
    this.again = this.phase === "listening" && this.state === "on" && !this.silenced;
    this.#used();
    this.changed();
    if (this.again) return;
    if (this.phase === "speaking") this.player.hush(this.turn);
    this.asked = true;
    this.pressed = true;
    if ((await this.#on()) && (await this.connection.ready())) await this.#listen();
  }

  async #listen() {
    await this.flowing;
    if (!this.asked || this.state !== "on") return; // stopped meanwhile
    this.#silence(!this.held && !this.tapped);
    this.connection.say("listen");
    clearTimeout(this.unanswered);
    this.unanswered = setTimeout(() => {
      this.pressed = false;
      if (this.phase === "idle" && !this.free) this.#off();
    }, UNANSWERED_MS);
  }

  release() {
    if (!this.held) return;
    this.held = false;
    this.tapped = performance.now() - this.pressedAt < TAP_MS;
    // A tap lets the agent find the end; a second tap, or letting go, says that this is it.
    if ((this.again || !this.tapped) && this.state === "on") this.#silence(true);
    this.changed();
  }

  stop() {
    this.asked = this.pressed = false;
    if (!this.free) this.#off();
    this.#silence(false);
  }

  /** The agent has no place for another talker. */
  refused() {
    this.asked = this.pressed = false;
    this.#off();
  }

  // -------------------------------------------------------------- what goes on

  mode(mode) {
    keep({ mode });
    this.resting = "";
    this.asked = false;
    if (this.free) this.#on();
    else if (this.phase !== "listening") this.#off();
    this.#used();
    this.changed();
  }

  /** Go on after a rest or a fault. */
  goOn() {
    this.resting = "";
    this.#used();
    return this.#on();
  }

  seen(phase, turn) {
    const was = this.phase;
    this.phase = phase;
    this.turn = turn;
    if (phase !== was) this.#used();
    if (was === "listening" && phase !== "listening" && this.silenced && !this.held) this.#finished();
    if (phase === "listening") this.pressed = false;
    if (this.free) return;
    if (this.pressed) return; // the end of what was interrupted
    if (phase === "listening" && was === "speaking" && this.asked) this.#on();
    if (phase === "speaking" || (phase === "idle" && was !== "idle")) this.#off();
    if (phase === "idle" && was !== "idle") this.asked = false;
  }

  /** The talker had let go, and the agent has found the end. */
  #finished() {
    if (this.free) this.#silence(false);
    else this.#off();
  }

  linked() {
    if (this.state !== "on") return;
    this.connection.say("mic", { on: true });
    this.capture.restart();
  }

  /** Other constraints or another way: they hold from the next beginning on, which is now if it is on. */
  async reopen() {
    if (this.state !== "on") return;
    this.#off();
    await this.#on();
  }

  // -------------------------------------------------------------- on and off

  async #on() {
    if (this.state === "on") return true;
    if (this.state === "starting") return this.starting;
    this.#set("starting");
    this.starting = this.#start();
    return this.starting;
  }

  async #start() {
    if (!navigator.mediaDevices?.getUserMedia) return this.#fail("insecure");
    try {
      await this.capture.start(prefs);
    } catch (error) {
      return error.name === "AbortError" ? false : this.#fail(error.name);
    }
    // The agent shall not begin to listen before it is given something: it would take what was missing for silence.
    this.flowing = this.connection.next("flowing", FLOWING_MS).catch(() => {});
    this.connection.say("mic", { on: true });
    this.#set("on");
    return true;
  }

  #off() {
    if (this.state === "off") return;
    if (this.state === "on") this.connection.say("mic", { on: false });
    this.capture.stop();
    this.silenced = false;
    this.#set("off");
  }

  #fail(fault) {
    this.#off();
    this.fault = fault;
    this.asked = this.pressed = false;
    this.#set("failed");
    return false;
  }

  #set(state) {
    if (state !== "failed") this.fault = "";
    if (state === "on") this.resting = "";
    this.state = state;
    this.#awake();
    this.changed();
  }

  #silence(on) {
    this.silenced = on;
    this.capture.silence(on);
    this.changed();
  }

  // -------------------------------------------------------------- not longer than wanted

  #watch() {
    addEventListener("pagehide", () => this.#off());
    addEventListener("pageshow", ({ persisted }) => { if (persisted && this.free) this.#rest("hidden"); });
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.hiding);
      if (document.hidden) this.hiding = setTimeout(() => this.#rest("hidden"), prefs.hidden_s * 1000);
      else this.#awake();
    });
  }

  /** Somebody is there: hands-free goes on. */
  #used() {
    clearTimeout(this.idling);
    this.idling = setTimeout(() => this.#rest("idle"), prefs.idle_minutes * 60000);
  }

  #rest(why) {
    if (this.state !== "on" && this.state !== "starting") return;
    this.#off();
    if (this.free) this.resting = why;
    this.changed();
  }

  async #awake() {
    const want = prefs.awake && this.free && this.state === "on" && !document.hidden;
    if (want && !this.lock) this.lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!want && this.lock) {
      this.lock.release();
      this.lock = null;
    }
  }
}
