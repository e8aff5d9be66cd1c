// Settings: of this page (they stay in this browser), of its microphone, and of the device, which lists its own.

import { $, el, words } from "./dom.js";
import { wayOf, ways } from "./capture.js";
import { keep, prefs } from "./prefs.js";

let serial = 0;

function field(label, control, { note = "", wide = false, extra = null } = {}) {
  serial += 1;
  control.id ||= `field-${serial}`;
  const name = el("label", { htmlFor: control.id }, label);
  const value = el("div", { className: "value" }, extra, wide ? null : control);
  return el(
    "div",
    { className: wide ? "field wide" : "field" },
    ...(wide ? [el("div", { className: "top" }, name, value), control] : [name, value]),
    note ? el("p", { className: "note" }, note) : null,
  );
}

function toggle(label, checked, change, more) {
  const control = el("input", { type: "checkbox", className: "switch", role: "switch", checked });
  control.addEventListener("change", () => change(control.checked));
  return field(label, control, more);
}

function choice(label, options, value, change, more) {
  const control = el("select", {}, ...options.map(([key, text]) => el("option", { value: key }, text)));
  control.value = value;
  control.addEventListener("change", () => change(control.value));
  return field(label, control, { wide: true, ...more });
}

const PERCENT = { low: 0, high: 100, step: 1, unit: "%" };

function slider(label, value, { low, high, step, unit }, change, { extra = null, ...more } = {}) {
  const control = el("input", { type: "range", min: low, max: high, step, value });
  const text = (number) => (unit ? `${number} ${unit}` : String(number));
  const shown = el("output", {}, text(value));
  control.addEventListener("input", () => { shown.textContent = text(control.value); });
  control.addEventListener("change", () => change(Number(control.value)));
  const box = field(label, control, { wide: true, extra: el("span", { className: "value" }, extra, shown), ...more });
  box.set = (to) => {
    control.value = to;
    shown.textContent = text(to);
  };
  return box;
}

// -------------------------------------------------------------- this page

/** `volume(percent)`, `reopen()`: the microphone has to be taken anew. Returns what shows another volume. */
export function pageSettings({ volume, reopen }) {
  const loudness = slider("Volume", 100, PERCENT, volume);
  $("page-settings").replaceChildren(
    loudness,
    choice(
      "Hands-free pauses after",
      [["10", "10 minutes without a turn"], ["30", "30 minutes"], ["120", "2 hours"]],
      String(prefs.idle_minutes),
      (value) => keep({ idle_minutes: Number(value) }),
    ),
    toggle("Keep the screen on in hands-free", prefs.awake, (awake) => keep({ awake })),
  );
  microphoneSettings(reopen);
  navigator.mediaDevices?.addEventListener?.("devicechange", () => microphoneSettings(reopen));
  return (to) => loudness.set(to);
}

/** Again, after the microphone was allowed: only then does the browser say which ones there are. */
export async function microphoneSettings(reopen) {
  const change = (changes) => {
    keep(changes);
    reopen();
  };
  const rows = [
    choice("How the sound is taken", ways().map((way) => [way.path, way.label]), wayOf(prefs.path).path, (path) => change({ path })),
    toggle("Echo cancellation", prefs.echo, (echo) => change({ echo }), {
      note: "Without it the agent may hear itself from your loudspeaker.",
    }),
    toggle("Noise suppression", prefs.noise, (noise) => change({ noise }), {
      note: "For people’s ears: the recogniser mostly does better without.",
    }),
    toggle("Automatic gain", prefs.gain, (gain) => change({ gain })),
  ];
  const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const inputs = devices.filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId && label);
  if (inputs.length > 1) {
    const options = [["", "Whatever the browser chooses"], ...inputs.map((each) => [each.deviceId, each.label])];
    rows.unshift(choice("Microphone", options, prefs.device, (device) => change({ device })));
  }
  $("mic-settings").replaceChildren(...rows);
}

// -------------------------------------------------------------- the device

/** `set(name, value)`: a setting of the device; null: as it is configured. */
export function deviceSettings({ settings = [] }, set) {
  const focused = document.activeElement?.id;
  const rows = settings.map((setting) => deviceField(setting, set));
  $("device-settings").replaceChildren(...(rows.length ? rows : [el("p", { className: "field none" }, "It offers none.")]));
  if (focused?.startsWith("set-")) $(focused)?.focus();
}

function deviceField(setting, set) {
  const { name, label, changed } = setting;
  const text = label || words(name);
  const change = (to) => set(name, to);
  const extra = changed
    ? el("button", { type: "button", className: "quiet reset", onclick: () => change(null), "aria-label": `Reset ${text}` }, "Reset")
    : null;
  const row = build(setting, text, change, extra);
  const control = row.querySelector("input, select");
  control.id = `set-${name}`;
  row.querySelector("label").htmlFor = control.id;
  return row;
}

function build(setting, text, change, extra) {
  const { kind, value, choices = [] } = setting;
  switch (kind) {
    case "bool": return toggle(text, value, change, { extra });
    case "percent": return slider(text, value, PERCENT, change, { extra });
    case "number": return slider(text, value, setting, change, { extra });
    case "choice": {
      const options = choices.map((each) => [String(each), words(each) || "none"]);
      if (!choices.includes(value)) options.unshift([String(value ?? ""), words(value ?? "")]);
      return choice(text, options, String(value ?? ""), change, { extra });
    }
    default: {
      const control = el("input", { type: "text", value: value ?? "", maxLength: 200 });
      control.addEventListener("change", () => change(control.value));
      return field(text, control, { wide: true, extra });
    }
  }
}
