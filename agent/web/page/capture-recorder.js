// For slow networks: the browser's own recorder, compressed sound in a container (Opus in WebM, AAC in MP4 on Apple's),
// a part every 100 ms. It is later than the others by about that.

const FORMS = [
  ["webm", "audio/webm;codecs=opus"],
  ["mp4", "audio/mp4;codecs=mp4a.40.2"],
  ["mp4", "audio/mp4"],
];
const SLICE_MS = 100;
const BITS_PER_SECOND = 32000;

const form = () => FORMS.find(([, type]) => MediaRecorder.isTypeSupported(type));

export class RecorderCapture {
  static path = "recorder";
  static label = "MediaRecorder (little data)";
  static format = () => form()[0];
  static supported = () => typeof MediaRecorder === "function" && form() !== undefined;

  async start({ context, gate }, connection) {
    this.connection = connection;
    this.sink = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    gate.connect(this.sink);
    this.#record();
  }

  #record() {
    this.connection.record();
    const recorder = new MediaRecorder(this.sink.stream, {
      mimeType: form()[1], audioBitsPerSecond: BITS_PER_SECOND,
    });
    let order = Promise.resolve(); // of parts: reading one takes longer than another
    recorder.ondataavailable = ({ data }) => {
      const at = performance.now();
      order = order.then(async () => {
        const bytes = await data.arrayBuffer();
        if (bytes.byteLength && recorder === this.recorder) this.connection.container(bytes, at);
      });
    };
    this.recorder = recorder;
    recorder.start(SLICE_MS);
  }

  /** Whoever listens now has not seen the beginning, without which a container cannot be read. */
  restart() {
    this.#end();
    this.#record();
  }

  stop() {
    if (this.recorder) this.#end();
  }

  #end() {
    const { recorder } = this;
    this.recorder = null;
    if (recorder.state !== "inactive") recorder.stop();
  }
}
