// Where the time of the last turns went, from their receipts: one bar for each stage, each beginning where the one before
// it ended, all turns on one scale, so that a slow one is seen at once. What took longest is printed bold.

import { $, el, svg, words } from "./dom.js";

const STAGES = {
  endpoint: "waiting for silence",
  asr_final: "recognising",
  llm_first_token: "first token",
  first_clause: "first clause",
  tts_first: "voice",
  audible: "speaker",
};
const KEPT = 8;
const LEAST_MS = 400;
const WIDTH = 1000;
const THIN = 4; // a stage that took no time is seen nevertheless

const receipts = [];

export function addTurn(receipt) {
  receipts.unshift(receipt);
  receipts.length = Math.min(receipts.length, KEPT);
  showTurns();
}

export function showTurns() {
  const list = $("turn-list");
  if (!receipts.length) {
    list.replaceChildren(el("p", { className: "none" }, "No turn yet: ask something."));
    return;
  }
  const scale = WIDTH / Math.max(LEAST_MS, ...receipts.flatMap((each) => bars(each).map(({ to }) => to)));
  list.replaceChildren(...receipts.map((receipt, index) => turn(receipt, scale, index === 0)));
}

/** The stages there were: {name, from, to, added, blamed}, in ms from the last word. */
function bars({ at_ms = {}, stages_ms = {}, blame }) {
  let reached = 0;
  const out = [];
  for (const [name, added] of Object.entries(stages_ms)) {
    if (!(name in STAGES) || typeof added !== "number") continue;
    const from = reached;
    reached = Math.max(reached, at_ms[name] ?? reached + added);
    out.push({ name, from, to: reached, added, blamed: name === blame });
  }
  return out;
}

function turn(receipt, scale, open) {
  const stages = bars(receipt);
  const said = receipt.transcript || (receipt.outcome === "silence" ? "(silence)" : `Turn ${receipt.turn}`);
  const meta = [receipt.outcome];
  if (receipt.word) meta.push(`“${words(receipt.word)}”`);
  if (receipt.wake_ms !== null && receipt.wake_ms !== undefined) meta.push(`woke in ${receipt.wake_ms} ms`);
  if (receipt.blame && !open) meta.push(`most: ${STAGES[receipt.blame] ?? receipt.blame}`);
  const ttfa = receipt.ttfa_ms === null || receipt.ttfa_ms === undefined ? "" : `${receipt.ttfa_ms} ms`;
  return el(
    "details",
    { className: "turn", open },
    el(
      "summary",
      {},
      el("span", { className: "question" }, said),
      el("span", { className: "ttfa" }, ttfa),
      el("span", { className: "meta" }, meta.join(" · ")),
      stages.length ? strip(stages, scale) : null,
    ),
    stages.length ? el("div", { className: "stages" }, ...stages.flatMap((stage) => row(stage, scale))) : null,
  );
}

function strip(stages, scale) {
  return svg(
    "svg",
    { class: "strip", viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...stages.map((stage) => bar(stage, scale)),
  );
}

function row(stage, scale) {
  const emphasis = stage.blamed ? " blamed" : "";
  return [
    el("span", { className: emphasis }, STAGES[stage.name]),
    svg("svg", { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" }, bar(stage, scale)),
    el("span", { className: `value${emphasis}` }, `${stage.added} ms`),
  ];
}

function bar({ name, from, to }, scale) {
  const width = Math.max(THIN, (to - from) * scale);
  const x = Math.min(from * scale, WIDTH - width);
  return svg("rect", { class: `stage-${name}`, x: x.toFixed(1), y: 0, width: width.toFixed(1), height: 10 });
}
