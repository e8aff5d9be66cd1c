// The page's end of the connection, which itself lives in a worker (socket-worker.js): what is said and heard, in words.
// Emits "link" (how the connection stands), "flow" (periods sent and dropped), "flowing" (the first sound of a source was
// sent), "stuck" (a recording was), and each message of the agent by its type.

const READY_MS = 5000;

export class Connection {
  constructor(url) {
    this.url = url;
    this.listeners = new Map();
    this.online = false;
    this.waiting = [];
    this.worker = new Worker(new URL("socket-worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#take(data);
    // A network that is back, or a page that is looked at again, is no time to wait for the next try.
    addEventListener("online", () => this.retry());
    addEventListener("pageshow", () => this.retry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.retry(); });
  }

  on(type, listener) {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  /** `hello`: {path, format, rate_hz}. */
  open(hello) {
    this.hello = hello;
    this.#order({ do: "open", url: this.url, origin: performance.timeOrigin, hello });
  }

  /** Sound will come otherwise than was said: a new hello, where that makes a difference. */
  introduce(hello) {
    if (JSON.stringify(hello) === JSON.stringify(this.hello)) return;
    this.hello = hello;
    this.online = false;
    this.#order({ do: "hello", hello });
  }

  retry() {
    if (!this.online) this.#order({ do: "retry" });
  }

  /** Whether it stands, or stands soon: a new hello takes a moment. */
  ready() {
    if (this.online) return true;
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      setTimeout(() => resolve(this.online), READY_MS);
    });
  }

  say(type, fields = {}) {
    this.#order({ do: "say", message: { type, ...fields } });
  }

  /** The next message of this type; rejected where none comes in time. */
  next(type, limit_ms) {
    return new Promise((resolve, reject) => {
      const end = (settle, what) => {
        clearTimeout(timer);
        this.listeners.set(type, this.listeners.get(type).filter((each) => each !== take));
        settle(what);
      };
      const take = (message) => end(resolve, message);
      const timer = setTimeout(() => end(reject, new Error(`no ${type} from the agent`)), limit_ms);
      this.on(type, take);
    });
  }

  /** Where PCM comes from, see source.js; null: nowhere any more. */
  source(source) {
    this.#order({ do: "source", ...source }, source?.from ? [source.from] : []);
  }

  /** A recording begins. */
  record() {
    this.#order({ do: "record" });
  }

  container(bytes, at) {
    this.#order({ do: "container", bytes, at }, [bytes]);
  }

  /** `port` takes speech, sounds, and what is said about them. */
  player(port) {
    this.#order({ do: "player", port }, [port]);
  }

  #order(order, transfer = []) {
    this.worker.postMessage(order, transfer);
  }

  #take(data) {
    if (data.link) {
      this.online = data.link === "online";
      if (this.online) for (const resolve of this.waiting.splice(0)) resolve(true);
      this.#emit("link", data);
    } else if (data.flow) this.#emit("flow", data.flow);
    else if (data.flowing) this.#emit("flowing");
    else if (data.stuck) this.#emit("stuck");
    else if (data.message) this.#emit(data.message.type, data.message, data.round_ms);
  }

  #emit(type, ...what) {
    for (const listener of this.listeners.get(type) ?? []) listener(...what);
  }
}
