// What was said on this page, by turns: the question while it is being recognised, the answer while it is being spoken,
// and in the end how much of the answer was heard. Screen readers are told the finished sentences only.

import { $, el, words } from "./dom.js";

const MOST = 300; // elements

export class Conversation {
  constructor() {
    this.box = $("conversation");
    this.turns = new Map();
    this.typed = [];
  }

  /** Turn numbers begin anew. */
  forget() {
    if (this.turns.size) this.#add(el("p", { className: "aside" }, "A new conversation"));
    this.turns.clear();
  }

  typedQuestion(text) {
    const you = this.#bubble("you", text);
    this.typed.push({ you, text });
  }

  transcript({ turn, text, final }) {
    const entry = this.#entry(turn);
    if (!entry.you) {
      const typed = this.typed.findIndex((each) => each.text === text);
      if (typed >= 0) [{ you: entry.you }] = this.typed.splice(typed, 1);
      else if (text) entry.you = this.#bubble("you", text);
      else return;
    }
    entry.you.textContent = text;
    entry.you.classList.toggle("partial", !final);
    if (final && !text) {
      entry.you.remove();
      entry.you = null;
    }
    if (final && text) this.#tell(`You: ${text}`);
    this.#follow();
  }

  saying({ turn, text }) {
    const entry = this.#entry(turn);
    if (!text) return;
    entry.agent ??= this.#bubble("agent", "");
    entry.agent.classList.add("speaking");
    entry.agent.textContent = text;
    this.#follow();
  }

  reply({ turn, text, heard }) {
    const entry = this.#entry(turn);
    if (!text) return;
    entry.agent ??= this.#bubble("agent", "");
    entry.agent.classList.remove("speaking");
    const [was, rest] = split(text, heard ?? text);
    entry.agent.replaceChildren(was);
    if (rest.trim()) {
      entry.agent.append(
        el("span", { className: "unheard" }, rest),
        el("span", { className: "cut" }, was.trim() ? "The grey part was not heard" : "Not heard"),
      );
    }
    this.#tell(text);
    this.#follow();
  }

  /** The receipt of a turn: one in which the talker only paused is said again, whole, by the next. */
  ended({ turn, outcome }) {
    const entry = this.turns.get(turn);
    if (outcome === "continued") entry?.you?.remove();
    else if (outcome === "silence" && !entry?.you) this.aside("Nothing was heard");
    else if (outcome === "failed" && !entry?.agent) this.aside("That did not work", true);
  }

  wake({ word }) {
    this.aside(`“${words(word)}”`);
  }

  aside(text, error = false) {
    this.#add(el("p", { className: error ? "aside error" : "aside" }, text));
  }

  #entry(turn) {
    if (!this.turns.has(turn)) this.turns.set(turn, { you: null, agent: null });
    return this.turns.get(turn);
  }

  #bubble(who, text) {
    const bubble = el("div", { className: `bubble ${who}` }, text);
    this.#add(bubble);
    return bubble;
  }

  #add(element) {
    this.box.append(element);
    while (this.box.children.length > MOST) this.box.children[1].remove(); // the first is the welcome
    this.#follow(true);
  }

  /** Stay at the end, unless somebody has scrolled up to read. */
  #follow(always = false) {
    const { box } = this;
    if (always || box.scrollHeight - box.scrollTop - box.clientHeight < 160) box.scrollTop = box.scrollHeight;
  }

  #tell(text) {
    $("said").textContent = text;
  }
}

/** A text at the place up to which it was heard. What was heard may be set in other spaces than the text. */
export function split(text, heard) {
  const wanted = heard.replace(/\s/g, "");
  let at = 0;
  for (const letter of wanted) {
    while (at < text.length && /\s/.test(text[at])) at += 1;
    if (!text.startsWith(letter, at)) return [text, ""];
    at += letter.length;
  }
  return [text.slice(0, at), text.slice(at)];
}
