// Sound that waits for the network. A browser takes all that is sent and hoards it, so a slow network would make the
// agent hear ever older sound: what it has taken and not sent is watched, and beyond a second the oldest waiting packet
// goes. Whoever reads the stream sees by the numbers how much is missing.

const AHEAD_S = 1; // in the browser's own buffer
const HELD_PACKETS = 50; // and here, before the oldest goes

export class Outbox {
  /** `socket()`: the open WebSocket, or null; `lost(periods)`: so many were given up. */
  constructor(socket, lost) {
    this.socket = socket;
    this.lost = lost;
    this.packets = [];
  }

  /** `bytes`: the frame; `periods`: how many it holds; `limit`: bytes of one second of such sound. */
  put(bytes, periods, limit) {
    this.packets.push({ bytes, periods });
    this.limit = limit * AHEAD_S;
    this.pump();
    while (this.packets.length > HELD_PACKETS) this.lost(this.packets.shift().periods);
  }

  pump() {
    const socket = this.socket();
    while (socket && this.packets.length && socket.bufferedAmount < this.limit) socket.send(this.packets.shift().bytes);
  }

  /** Nothing of this is wanted any more. */
  clear() {
    for (const { periods } of this.packets.splice(0)) this.lost(periods);
  }
}
