// How the device is: its timers, counting down, and the health of its parts; and how this page's sound reaches it.

import { $, clockTime, el } from "./dom.js";

const PARTS = {
  mic: "Microphone", speaker: "Speaker", wake: "Wake word", asr: "Recogniser", llm: "Language model", tts: "Voice",
  mqtt: "MQTT", disk: "Disk",
};
const TICK_MS = 250;

let skew_ms = 0; // how far the device's clock is ahead of this one's
let failed = 0;
let ringing = 0;

/** Returns those that ring. */
export function showTimers({ timers = [], ringing: rings = [], at }, cancel) {
  if (at) skew_ms = Date.parse(at) - Date.now();
  const ids = Array.isArray(rings) ? rings.map((each) => each?.id ?? each) : [];
  const all = timers.map((timer) => ({ ...timer, name: named(timer), ringing: ids.includes(timer.id) }));
  const rows = all.map((timer) => timerRow(timer, cancel));
  $("timers").replaceChildren(...(rows.length ? rows : [el("li", { className: "none" }, "None is set.")]));
  const loud = all.filter((timer) => timer.ringing);
  ringing = loud.length;
  badge();
  tick();
  return loud;
}

function named({ name, kind }) {
  if (!name) return kind === "alarm" ? "Alarm" : "Timer";
  return name[0].toUpperCase() + name.slice(1);
}

function timerRow(timer, cancel) {
  const { name } = timer;
  const due = new Date(timer.due);
  const when = due.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const left = el("span", { className: "left", role: "timer" });
  left.dataset.due = due.getTime();
  left.dataset.ringing = timer.ringing ? "1" : "";
  const button = el("button", {
    type: "button", className: "small", "aria-label": `Cancel ${name}`, onclick: () => cancel(timer.id),
  }, timer.ringing ? "Stop" : "Cancel");
  const label = el("span", {}, name, el("small", {}, `at ${when}${days(timer)}`));
  return el("li", { className: timer.ringing ? "ringing" : "" }, label, left, button);
}

function days({ days: on = [] }) {
  if (!on.length) return "";
  const monday = new Date(2024, 0, 1);
  const name = (day) => new Date(2024, 0, 1 + day).toLocaleDateString([], { weekday: "short" });
  return on.length === 7 && monday ? ", every day" : `, ${on.map(name).join(" ")}`;
}

function tick() {
  for (const left of document.querySelectorAll("#timers .left")) {
    const text = left.dataset.ringing ? "ringing" : clockTime((left.dataset.due - Date.now() - skew_ms) / 1000);
    if (left.textContent !== text) left.textContent = text;
  }
}
setInterval(tick, TICK_MS);

export function showHealth({ parts = {} }) {
  const rows = Object.entries(parts)
    .filter(([, part]) => part?.status)
    .map(([name, { status, reason }]) => {
      const row = el(
        "li",
        {},
        el("span", { className: "dot", "aria-hidden": "true" }),
        el("span", {}, PARTS[name] ?? name),
        el("span", { className: "status" }, status),
        reason ? el("span", { className: "reason" }, reason) : null,
      );
      row.dataset.status = status;
      return row;
    });
  failed = rows.filter((row) => row.dataset.status === "failed").length;
  $("health").replaceChildren(...(rows.length ? rows : [el("li", { className: "none" }, "Nothing is known yet.")]));
  badge();
}

function badge() {
  const mark = $("badge");
  mark.hidden = !failed && !ringing;
  mark.textContent = failed || ringing;
  mark.toggleAttribute("data-bad", failed > 0);
}

// -------------------------------------------------------------- the sound

const figures = new Map();

/** `rows`: name -> text, or [text, true] where it is bad. */
export function showSound(rows) {
  for (const [name, value] of Object.entries(rows)) figures.set(name, value);
  $("sound").replaceChildren(
    ...[...figures].map(([name, value]) => {
      const [text, bad] = Array.isArray(value) ? value : [value, false];
      return el("div", { className: bad ? "bad" : "" }, el("dt", {}, name), el("dd", {}, text));
    }),
  );
}
