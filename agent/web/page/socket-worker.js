// The thread that owns the connection. Sound passes here from the listening worklet to the agent and from the agent to
// the playing worklet without the page's own thread; everything else is handed to the page, which is `connection.js`.
// Times are those of the page's clock (its performance.now()).

import { CONTAINER, PERIODS, SPEECH, SUBPROTOCOL, decode, encode } from "./protocol.js";
import { Outbox } from "./outbox.js";
import { Redial } from "./redial.js";
import { Source } from "./source.js";

const PING_MS = 4000;
const DEAD_MS = 13000;
const FLOW_MS = 500;
const RECORDING_BYTES = 65536;
const TO_PLAYER = new Set(["end", "drop", "duck", "volume"]);

let origin = performance.timeOrigin; // of the page's clock
let url = "";
let hello = {};
let key = "";
let socket = null;
let welcomed = false;
let heardAt = 0;
let player = null;
let source = null;
let number = 0; // of the next period on this stream
let recorded = 0; // parts of the container sent
let flowing = false; // sound of this source has been sent
let dropped = 0; // periods, since the page was opened
let sent = 0;

const clock = () => performance.timeOrigin - origin + performance.now();
const tell = (what) => postMessage(what);
const ready = () => (welcomed && socket && socket.readyState === WebSocket.OPEN ? socket : null);
const outbox = new Outbox(ready, (periods) => { dropped += periods; });
const redial = new Redial(connect, (wait_ms) => tell({ link: "waiting", wait_ms }));

function connect() {
  tell({ link: "connecting" });
  heardAt = clock();
  const mine = new WebSocket(url, SUBPROTOCOL);
  mine.binaryType = "arraybuffer";
  socket = mine;
  mine.onopen = () => mine.send(JSON.stringify({ type: "hello", ...hello, resume: key }));
  mine.onmessage = ({ data }) => { if (mine === socket) receive(data); };
  mine.onclose = ({ code, reason }) => { if (mine === socket) lost(code, reason); };
}

function lost(code, reason) {
  const met = welcomed;
  socket = null;
  welcomed = false;
  outbox.clear();
  tell({ link: "lost", code, reason, met });
  redial.failed();
}

/** Leave this connection for a new one, which says another hello. */
function renew() {
  const old = socket;
  socket = null;
  welcomed = false;
  outbox.clear();
  if (old) old.close(1000);
  if (url) redial.now();
}

function receive(data) {
  heardAt = clock();
  if (typeof data !== "string") {
    const frame = decode(data);
    if (frame && player) player.postMessage(frame, [data]);
    else if (frame && frame.kind === SPEECH) tell({ unheard: frame.number });
    return;
  }
  const message = JSON.parse(data);
  if (message.type === "welcome") welcome(message);
  if (message.type === "bye") redial.refused(message.code);
  if (player && TO_PLAYER.has(message.type)) player.postMessage(message);
  if (message.type === "pong") tell({ message, round_ms: clock() - message.at });
  else tell({ message });
}

function welcome(message) {
  if (!message.resumed) {
    number = 0;
    if (player) player.postMessage({ type: "forget" });
  }
  key = message.key;
  welcomed = true;
  redial.succeeded();
  tell({ link: "online", resumed: message.resumed });
  ping();
}

function ping() {
  const open = ready();
  if (open) open.send(JSON.stringify({ type: "ping", at: clock() }));
}

/** Sound of `source`: a packet of whole periods, `skipped` of which were lost before it. */
function take(samples, periods, skipped, time, rate) {
  number += skipped;
  dropped += skipped;
  const frame = encode(PERIODS, samples, { rate, number, time });
  number = (number + periods) >>> 0;
  if (!ready()) {
    dropped += periods;
    return;
  }
  sent += periods;
  outbox.put(frame, periods, rate * 2);
  flows();
}

function flows() {
  if (!flowing) tell({ flowing: true });
  flowing = true;
}

const ORDERS = {
  open: (order) => {
    ({ url, origin, hello } = order);
    redial.now();
  },
  hello: (order) => {
    hello = order.hello;
    renew();
  },
  retry: () => { if (!socket) redial.now(); },
  say: (order) => {
    const open = ready();
    if (open) open.send(JSON.stringify(order.message));
  },
  player: (order) => { player = order.port; },
  source: (order) => {
    source?.stop();
    flowing = false;
    source = order.rate ? new Source(order, clock, take) : null;
  },
  record: () => {
    recorded = 0;
    flowing = false;
  },
  container: ({ bytes, at }) => {
    const open = ready();
    if (!open) return;
    // A recording with a hole cannot be read on: rather than a part, all of it is given up and begun anew.
    if (open.bufferedAmount > RECORDING_BYTES) tell({ stuck: true });
    else open.send(encode(CONTAINER, bytes, { number: recorded, time: at }));
    flows();
    recorded += 1;
  },
};

onmessage = ({ data }) => ORDERS[data.do](data);

setInterval(ping, PING_MS);
setInterval(() => {
  outbox.pump();
  if (welcomed && clock() - heardAt > DEAD_MS) {
    const silent = socket;
    lost(0, "no answer");
    silent.close();
  }
}, FLOW_MS / 5);
setInterval(() => tell({ flow: { sent, dropped, waiting: socket ? socket.bufferedAmount : 0 } }), FLOW_MS);
