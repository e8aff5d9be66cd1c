// How the connection stands, in words: in the bar on top, and as a notice where somebody can do something about it.

import { $ } from "./dom.js";
import { clear, notice } from "./view-notices.js";

const SUSPICIOUS = 2; // tries in a row that were refused

export class Link {
  /** `changed("online" | "connecting" | "offline")`. */
  constructor(connection, changed) {
    this.connection = connection;
    this.changed = changed;
    this.bye = null;
    this.tries = 0;
    connection.on("bye", (bye) => { this.bye = bye; });
    connection.on("link", (link) => this.#take(link));
  }

  #take({ link, wait_ms, met }) {
    if (link === "online") {
      this.tries = 0;
      this.bye = null;
      this.#show("online", "Connected");
      clear("link");
    } else if (link === "lost") {
      this.tries = met ? 0 : this.tries + 1;
      if (this.tries === SUSPICIOUS) this.#signedOut();
      this.#show("offline", "Not connected");
      if (this.bye) this.#goodbye();
    } else if (link === "waiting") {
      this.#wait(wait_ms);
    } else if (this.tries === 0 && !this.bye) this.#show("connecting", "Connecting…");
  }

  #show(link, text) {
    $("link").textContent = text;
    document.body.dataset.link = link;
    this.changed(link);
  }

  #again() {
    this.bye = null;
    this.connection.retry();
  }

  /** The agent has said why. */
  #goodbye() {
    const { message, code } = this.bye;
    const elsewhere = code === "elsewhere";
    notice("link", {
      title: elsewhere ? "Another tab has taken over" : "The agent has ended the connection",
      text: message ?? "",
      act: { label: elsewhere ? "Use it here" : "Connect again", run: () => this.#again() },
    });
  }

  #wait(wait_ms) {
    if (this.tries < SUSPICIOUS || this.bye) return;
    notice("link", {
      title: "The agent does not answer",
      text: `It may be starting, or the network is away. Next try in ${Math.ceil(wait_ms / 1000)} s.`,
      bad: true,
      act: { label: "Try now", run: () => this.#again() },
    });
  }

  /** A refused connection may mean that the cookie is no longer good: then the page itself would be the login. */
  async #signedOut() {
    try {
      const answer = await fetch("./", { cache: "no-store" });
      if (answer.ok && /<body class="login">/.test(await answer.text())) location.reload();
    } catch {
      // The network is away: the next try will tell.
    }
  }
}
