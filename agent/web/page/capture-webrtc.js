// WebRTC: the browser's own way of sending sound, with its Opus encoder and its ideas of how late sound may be. Here it is
// one more way to be compared with the others. It works within one network: no server elsewhere is asked for addresses,
// and the offer holds all of them.

const GATHER_MS = 3000;
const ANSWER_MS = 8000;

export class WebRtcCapture {
  static path = "webrtc";
  static label = "WebRTC (one network)";
  static format = () => "pcm";
  static supported = () => typeof RTCPeerConnection === "function";

  async start({ context, gate }, connection) {
    this.connection = connection;
    this.sink = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    gate.connect(this.sink);
    await this.#call();
  }

  async #call() {
    const peer = new RTCPeerConnection({ iceServers: [] });
    this.peer = peer;
    for (const track of this.sink.stream.getTracks()) peer.addTrack(track, this.sink.stream);
    await peer.setLocalDescription();
    await gathered(peer);
    if (peer !== this.peer) return;
    const answer = this.connection.next("answer", ANSWER_MS);
    this.connection.say("offer", { sdp: peer.localDescription.sdp });
    const { sdp } = await answer;
    if (peer === this.peer) await peer.setRemoteDescription({ type: "answer", sdp });
  }

  /** Without an answer there is silence, and the next beginning tries again. */
  restart() {
    this.stop();
    this.#call().catch(() => this.stop());
  }

  stop() {
    this.peer?.close();
    this.peer = null;
  }
}

function gathered(peer) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    const look = () => { if (peer.iceGatheringState === "complete") resolve(); };
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
}
