// The binary frames of agent/web/protocol.py, in JavaScript: whoever changes one has to change the other.
//
//   kind u8 · flags u8 (0) · rate_hz/100 u16 · number u32 · time f64 · payload      (little-endian)

export const SUBPROTOCOL = "voice-agent.1";
export const HEADER = 16;
export const PERIODS = 1;
export const CONTAINER = 2;
export const SPEECH = 3;
export const SOUND = 4;

// What the agent takes. 22,050 Hz has no whole number of samples in 10 ms, so no microphone runs at it here.
export const CAPTURE_RATES_HZ = [8000, 16000, 24000, 32000, 44100, 48000, 96000];
const RATES_HZ = [...CAPTURE_RATES_HZ, 22050];

/** A frame: `payload` is an ArrayBuffer or a view of one. */
export function encode(kind, payload, { rate = 0, number = 0, time = 0 } = {}) {
  const bytes = payload instanceof ArrayBuffer
    ? new Uint8Array(payload)
    : new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  const frame = new Uint8Array(HEADER + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, kind);
  view.setUint16(2, Math.floor(rate / 100), true);
  view.setUint32(4, number >>> 0, true);
  view.setFloat64(8, time, true);
  frame.set(bytes, HEADER);
  return frame;
}

/** What the agent sent, or null if it is none of this protocol. `samples` looks into the same memory. */
export function decode(buffer) {
  if (buffer.byteLength <= HEADER || buffer.byteLength % 2) return null;
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  const hundreds = view.getUint16(2, true);
  const rate = RATES_HZ.find((each) => Math.floor(each / 100) === hundreds);
  if ((kind !== SPEECH && kind !== SOUND) || !rate) return null;
  return {
    kind,
    rate,
    number: view.getUint32(4, true),
    time: view.getFloat64(8, true),
    samples: new Int16Array(buffer, HEADER),
  };
}
