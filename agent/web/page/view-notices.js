// What went wrong, and what to do about it: one line each on top of the conversation, gone when it is mended.

import { $, el, icon } from "./dom.js";

/** Faults of the microphone, by their name in getUserMedia or microphone.js: title, remedy, button. */
export const MIC_FAULTS = {
  insecure: [
    "No microphone over plain http",
    "Browsers give it only to pages with https in front. You can type your questions meanwhile.",
    null,
  ],
  NotAllowedError: [
    "The microphone is not allowed",
    "Allow it beside the address of this page, then try again.",
    "Try again",
  ],
  NotFoundError: ["No microphone found", "Plug one in, or switch it on, then try again.", "Try again"],
  NotReadableError: ["The microphone is in use", "Close the program or call that has it, then try again.", "Try again"],
  ended: ["The microphone went away", "It was unplugged, or its permission taken back.", "Try again"],
  other: ["The microphone did not start", "Another way of taking the sound may do: see Settings.", "Try again"],
};

const shown = new Map();

/** `id`: a later notice of the same id replaces it. `act`: {label, run}; `link`: {label, href}. */
export function notice(id, { title, text = "", bad = false, act = null, link = null, closes = false }) {
  const said = `${title}\n${text}`;
  if (shown.get(id)?.dataset.said === said) return; // no screen reader says it twice, and no button loses its focus
  clear(id);
  const actions = el("div", { className: "act" });
  if (act) actions.append(el("button", { type: "button", className: "small", onclick: act.run }, act.label));
  if (closes) {
    actions.append(
      el("button", { type: "button", className: "close", "aria-label": "Close", onclick: () => clear(id) }, icon("close")),
    );
  }
  const more = link ? el("a", { href: link.href }, link.label) : null;
  const body = el("p", {}, text, more ? " " : null, more);
  const box = el(
    "div",
    { className: bad ? "notice bad" : "notice", role: bad ? "alert" : "status" },
    el("div", {}, el("strong", {}, title), body),
    actions,
  );
  box.dataset.said = said;
  shown.set(id, box);
  $("notices").append(box);
}

export function clear(id) {
  shown.get(id)?.remove();
  shown.delete(id);
}
