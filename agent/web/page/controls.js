// The keyboard, and the tabs. Space talks (hold it, or tap it) and Escape stops, wherever the focus is, unless it is
// where these keys mean something else.

import { $ } from "./dom.js";

const OWN_SPACE = "input, select, textarea, button:not(#talk-button), a, summary";

export function keys({ talk, stop }) {
  let down = false;
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") stop();
    if (event.key !== " " || event.target.closest?.(OWN_SPACE)) return;
    event.preventDefault();
    if (event.repeat || down || $("talk-button").disabled) return;
    down = true;
    talk.press();
  });
  addEventListener("keyup", (event) => {
    if (event.key !== " " || !down) return;
    event.preventDefault();
    down = false;
    talk.release();
  });
  addEventListener("blur", () => {
    if (down) talk.release();
    down = false;
  });
}

export function tabs() {
  const all = [...document.querySelectorAll('[role="tab"]')];
  const wide = matchMedia("(min-width: 900px)");
  const select = (tab, focus = false) => {
    document.body.dataset.tab = tab.dataset.tab;
    for (const each of all) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
    }
    if (focus) tab.focus();
  };
  for (const tab of all) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const shown = all.filter((each) => each.offsetParent !== null);
      const at = shown.indexOf(tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[key];
      if (to !== undefined) select(shown[(to + shown.length) % shown.length], true);
    });
  }
  // Beside the conversation of a desktop there is always a panel.
  const fit = () => {
    const now = document.body.dataset.tab;
    select($(`tab-${wide.matches && now === "talk" ? "turns" : now}`));
  };
  wide.addEventListener("change", fit);
  fit();
}
