// The button, what it says at one glance, and the meter around it.

import { $ } from "./dom.js";
import { prefs } from "./prefs.js";

const QUIET_DB = -60;
const FALL = 0.9; // of the meter, each picture

export class TalkView {
  constructor(microphone) {
    this.microphone = microphone;
    this.words = [];
    this.link = "connecting";
    this.level = 0;
    this.samples = new Float32Array(1024);
    this.#buttons();
  }

  #buttons() {
    const { microphone } = this;
    const button = $("talk-button");
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      microphone.press();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(end, () => microphone.release());
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    // A screen reader clicks without a pointer: that is a tap.
    button.addEventListener("click", (event) => {
      if (event.detail !== 0 || event.pointerType) return;
      microphone.press();
      microphone.release();
    });
    for (const radio of document.querySelectorAll("input[name=mode]")) {
      radio.checked = radio.value === prefs.mode;
      radio.addEventListener("change", () => microphone.mode(radio.value));
    }
  }

  show() {
    const { microphone, link } = this;
    const { body } = document;
    body.dataset.phase = link === "online" ? microphone.phase : "idle";
    body.dataset.mic = microphone.state === "on" ? "on" : "off";
    $("talk-button").disabled = link !== "online";
    $("talk-button").classList.toggle("held", microphone.held);
    $("send").disabled = link !== "online";
    $("stop").disabled = link !== "online" || microphone.phase === "idle";
    $("phase").textContent = this.#phase();
    const on = microphone.state === "on";
    $("mic-state").lastElementChild.textContent = on
      ? microphone.silenced ? "Microphone on, silenced" : "Microphone on"
      : microphone.state === "starting" ? "Microphone starting…" : "Microphone off";
    $("mic-icon").setAttribute("href", on ? "#icon-mic" : "#icon-mic-off");
    if (on && !this.drawing) this.#draw();
  }

  #phase() {
    const { microphone, link } = this;
    if (link !== "online") return link === "connecting" ? "Connecting…" : "Not connected";
    if (microphone.state === "starting") return "Starting the microphone…";
    switch (microphone.phase) {
      case "listening": return microphone.silenced ? "One moment…" : microphone.held ? "Listening: let go when done" : "Listening…";
      case "thinking": return "Thinking…";
      case "speaking": return "Speaking: tap to interrupt";
      default: return this.#idle();
    }
  }

  #idle() {
    const { microphone } = this;
    if (microphone.held) return "Listening…";
    if (!microphone.free) return "Tap or hold to talk";
    return microphone.state === "on" ? `Say “${this.words[0] ?? "the wake word"}”, or tap` : "Not listening: tap to go on";
  }

  #draw() {
    const { graph } = this.microphone.capture;
    this.drawing = Boolean(graph) && this.microphone.state === "on";
    if (!this.drawing) {
      $("level").style.strokeDasharray = "0 100";
      return;
    }
    graph.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / this.samples.length + 1e-10);
    this.level = Math.max(Math.min(1, 1 - db / QUIET_DB), this.level * FALL);
    $("level").style.strokeDasharray = `${(Math.max(0, this.level) * 100).toFixed(1)} 100`;
    requestAnimationFrame(() => this.#draw());
  }
}
