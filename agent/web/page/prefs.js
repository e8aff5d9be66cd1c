// What this browser remembers of its user's choices. Nothing of what was said is kept.

const KEY = "voice-agent";
const DEFAULTS = {
  mode: "push", // or "free": hands-free
  path: "worklet",
  device: "",
  echo: true,
  noise: false, // recognisers are made for noise, and lose words to what suppresses it
  gain: true,
  awake: false, // the screen stays on while hands-free listens
  idle_minutes: 30, // hands-free lets go of the microphone after so long without a turn
  hidden_s: 60, // and after so long out of sight
};

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export const prefs = { ...DEFAULTS, ...stored() };

export function keep(changes) {
  Object.assign(prefs, changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // A private window may refuse: then it is for this visit.
  }
}
