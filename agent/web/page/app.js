// Where the parts of the page are put together: the connection, the microphone, the loudspeaker, and what shows them.

import { Connection } from "./connection.js";
import { $, words } from "./dom.js";
import { Microphone } from "./microphone.js";
import { Player } from "./player.js";
import { keys, tabs } from "./controls.js";
import { prefs } from "./prefs.js";
import { ringsWork } from "./ring.js";
import { wayOf, waysTaken } from "./capture.js";
import { Conversation } from "./view-conversation.js";
import { showHealth, showSound, showTimers } from "./view-device.js";
import { MIC_FAULTS, clear, notice } from "./view-notices.js";
import { deviceSettings, microphoneSettings, pageSettings } from "./view-settings.js";
import { TalkView } from "./view-talk.js";
import { addTurn, showTurns } from "./view-turns.js";
import { Link } from "./link.js";

const PRESUMED_HZ = 48000; // until the microphone says otherwise

const socketUrl = new URL("ws", location.href);
socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";
socketUrl.search = socketUrl.hash = "";

const connection = new Connection(socketUrl.href);
const player = new Player(connection);
const microphone = new Microphone(connection, player);
const conversation = new Conversation();
const talk = new TalkView(microphone);

// -------------------------------------------------------------- what the user does

function stop() {
  player.hush(microphone.turn);
  connection.say("stop");
  microphone.stop();
}

function ask(text) {
  conversation.typedQuestion(text);
  connection.say("ask", { text });
}

$("stop").addEventListener("click", stop);
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("question").value.trim();
  if (!text || !connection.online) return;
  $("question").value = "";
  ask(text);
});
keys({ talk: microphone, stop });
tabs();
const reopen = () => microphone.reopen();
const showVolume = pageSettings({ volume: (percent) => connection.say("volume", { percent }), reopen });
const setDevice = (name, value) => connection.say("set", { name, value });
const cancelTimer = (id) => connection.say("timer", { cancel: id });

// -------------------------------------------------------------- what the microphone does

let listed = false;

microphone.changed = () => {
  talk.show();
  const { state, fault, resting } = microphone;
  if (state === "on" && !listed) {
    listed = true;
    microphoneSettings(reopen);
  }
  if (state === "failed") micFault(fault);
  else clear("mic");
  if (resting) micRests(resting);
  else clear("rest");
};

function micFault(fault) {
  const [title, text, label] = MIC_FAULTS[fault] ?? MIC_FAULTS.other;
  notice("mic", {
    title,
    text,
    bad: true,
    act: label && { label, run: () => microphone.goOn() },
    link: { label: "What helps", href: "help.html" },
  });
}

function micRests(why) {
  const [title, text] = {
    hidden: ["The microphone is off", "The page was out of sight, so it let go of it."],
    idle: ["The microphone is off", `Nothing happened for ${prefs.idle_minutes} minutes.`],
    start: ["Hands-free is not listening yet", "A browser wants a touch before it listens."],
  }[why];
  notice("rest", { title, text, act: { label: why === "start" ? "Listen" : "Go on", run: () => microphone.goOn() } });
}

// -------------------------------------------------------------- what the agent says

new Link(connection, (link) => {
  talk.link = link;
  if (link === "online") microphone.linked();
  talk.show();
});

connection.on("welcome", (welcome) => {
  if (!welcome.resumed) conversation.forget();
  waysTaken(welcome.paths);
  microphoneSettings(reopen);
  talk.words = (welcome.words ?? []).map(words);
  $("agent").textContent = words(welcome.agent);
  document.title = words(welcome.agent);
  $("leave").hidden = !welcome.token; // nothing to sign out of
  $("about").textContent = [`voice-agent ${welcome.version}`, `guest ${welcome.guest}`, welcome.language].filter(Boolean).join(" · ");
  $("hint").textContent = talk.words.length
    ? `Tap the button and speak, or hold it while you speak. Hands-free listens for “${talk.words[0]}”.`
    : "Tap the button and speak, or hold it while you speak.";
  talk.show();
});
connection.on("state", ({ phase, turn }) => {
  microphone.seen(phase, turn);
  talk.show();
});
connection.on("transcript", (message) => conversation.transcript(message));
connection.on("saying", (message) => conversation.saying(message));
connection.on("reply", (message) => conversation.reply(message));
connection.on("wake", (message) => conversation.wake(message));
connection.on("event", ({ name, data }) => {
  if (name === "error") conversation.aside(data?.message ?? "Something did not work", true);
});
connection.on("turn", (receipt) => {
  addTurn(receipt);
  conversation.ended(receipt);
});
connection.on("timers", (message) => {
  const [ringing] = showTimers(message, cancelTimer);
  if (!ringing) return clear("ringing");
  const act = { label: "Stop", run: () => cancelTimer(ringing.id) };
  return notice("ringing", { title: `${ringing.name} is ringing`, text: ringing.message, act });
});
connection.on("health", showHealth);
connection.on("settings", (message) => deviceSettings(message, setDevice));
connection.on("volume", ({ percent }) => showVolume(percent));
connection.on("error", ({ code, message }) => {
  notice("refused", { title: "The agent refused that", text: message, closes: true });
  if (code === "busy" || code === "failed") microphone.refused();
});
connection.on("stuck", () => microphone.capture.restart());

// -------------------------------------------------------------- figures

function takenBy() {
  const { path } = wayOf(prefs.path);
  if (path !== "worklet") return path;
  return ringsWork() ? "worklet, shared" : "worklet, messages";
}

const ms = (value) => (typeof value === "number" ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : "–");

connection.on("sound", ({ periods, lost, late, jitter_p50_ms, jitter_p99_ms, level_dbfs }) =>
  showSound({
    Level: typeof level_dbfs === "number" ? `${level_dbfs.toFixed(0)} dBFS` : "–",
    "Jitter, median": ms(jitter_p50_ms),
    "Jitter, 99 of 100": ms(jitter_p99_ms),
    "Lost on the way": [`${lost} of ${periods}`, lost > 0],
    Late: [`${late}`, late > 0],
  }));
connection.on("flow", ({ dropped }) => {
  const { context } = microphone.capture.graph ?? {};
  showSound({
    "Dropped here": [`${dropped}`, dropped > 0],
    "Taken by": takenBy(),
    Rate: context ? `${context.sampleRate / 1000} kHz` : "–",
    "Out, on its way": player.context ? ms(player.latency_ms) : "–",
  });
});
connection.on("pong", (_, round_ms) => showSound({ "Round trip": ms(round_ms) }));

showTurns();
showTimers({}, cancelTimer);
showHealth({});
deviceSettings({}, setDevice);
talk.show();
microphone.changed();
if (!window.isSecureContext) micFault("insecure");
const way = wayOf(prefs.path);
connection.open({ path: way.path, format: way.format(), rate_hz: PRESUMED_HZ });
