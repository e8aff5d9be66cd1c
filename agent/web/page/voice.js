// What the playing worklet is made of: samples being played at the context's rate, and a value that moves in a ramp.

/** A number that goes to another one in so many samples. */
export class Ramp {
  constructor(value) {
    this.value = value;
    this.step = 0;
    this.left = 0;
  }

  to(value, samples) {
    this.left = Math.max(1, Math.round(samples));
    this.step = (value - this.value) / this.left;
    this.aim = value;
  }

  next() {
    if (this.left > 0) {
      this.left -= 1;
      this.value = this.left === 0 ? this.aim : this.value + this.step;
    }
    return this.value;
  }
}

/** Some samples of one turn, or a short sound. Rates that differ are bridged by a straight line between samples. */
export class Voice {
  /** `samples`: Int16Array; `step`: its rate / the context's; `before`: frames of the turn that came before it. */
  constructor(samples, step, turn, before) {
    this.samples = samples;
    this.step = step;
    this.turn = turn;
    this.before = before;
    this.at = 0; // a place between samples
    this.gain = new Ramp(1);
    this.fading = false;
  }

  /** How many samples of the context are still to come. */
  get left() {
    return this.fading && this.gain.left === 0 ? 0 : Math.max(0, Math.ceil((this.samples.length - this.at) / this.step));
  }

  /** Frames of the turn up to here, at its own rate. */
  get position() {
    return this.before + Math.min(this.samples.length, Math.ceil(this.at));
  }

  /** Begin where this one, which came before, ended between two samples. */
  follow(voice) {
    if (voice.turn === this.turn && voice.step === this.step) this.at = voice.at - voice.samples.length;
  }

  /** Down to nothing, from so loud, and over then. */
  fade(samples, loudness) {
    this.gain = new Ramp(loudness);
    this.gain.to(0, samples);
    this.fading = true;
  }

  /** Add it to the block from `from` on; returns the first place it did not fill. */
  add(block, from) {
    const { samples, step } = this;
    let i = from;
    for (; i < block.length && this.left > 0; i += 1) {
      const low = Math.floor(this.at);
      const here = samples[low];
      const next = low + 1 < samples.length ? samples[low + 1] : here;
      block[i] += ((here + (next - here) * (this.at - low)) / 32768) * this.gain.next();
      this.at += step;
    }
    return i;
  }
}
