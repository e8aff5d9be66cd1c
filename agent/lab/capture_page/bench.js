// The page's own ways of taking sound, each with a connection of its own, as the bench asks for them.

import { Capture } from "./capture.js";
import { Connection } from "./connection.js";

const url = new URL("ws", location.href);
url.protocol = "ws:";
url.search = url.hash = "";
const running = [];

async function begin(path) {
  const connection = new Connection(url.href);
  const capture = new Capture(connection, () => { throw new Error(`the microphone of ${path} has ended`); });
  connection.open({ path, format: "pcm", rate_hz: 48000 });
  await capture.start({ path, echo: false, noise: false, gain: false });
  connection.say("mic", { on: true });
  running.push(capture);
}

async function end() {
  for (const capture of running.splice(0)) capture.stop();
}

window.bench = { begin, end };
document.body.dataset.ready = "yes";
