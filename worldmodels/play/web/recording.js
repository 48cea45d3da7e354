// A recorded drive beside what M expected of it, and the dreams that begin in it.

const KEPT = 25; // every so many frames what M remembers is kept, to go on from there
const FIRST = 100; // frame that is shown first: games fade in

// What M makes of one recording: found a few steps at a time, in spare moments.
class Drive {
  constructor(world, recording) {
    const { latent, action } = world.sizes;
    this.world = world;
    this.recording = recording;
    this.steps = recording.mu.length / latent;
    this.z = (t) => world.z(recording, t);
    this.action = (t) => recording.actions.subarray(t * action, (t + 1) * action);
    this.surprises = new Float32Array(this.steps); // nats a latent, of frames from 1 on
    this.known = 1; // how many of them are found
    this.scale = { low: 0, high: 1 };
    this.memory = world.begin(); // before it reads frame `known - 1`
    this.kept = [];
    this.prediction = world.prediction();
    this.unrelated = this.usualDistance();
    this.sheet = new Image();
    this.sheet.src = recording.sheet;
  }

  // Find more surprises for some milliseconds; return whether there were any left.
  findMore(milliseconds) {
    if (this.known >= this.steps) return false;
    const until = performance.now() + milliseconds;
    while (this.known < this.steps && performance.now() < until) {
      const t = this.known - 1;
      if (t % KEPT === 0) this.kept.push(this.copyOf(this.memory));
      this.world.predict(this.memory, this.z(t), this.action(t), this.prediction);
      const nats = this.world.nll(this.prediction, this.z(this.known));
      this.surprises[this.known] = nats / this.world.sizes.latent;
      this.known += 1;
    }
    const sorted = this.surprises.slice(1, this.known).sort();
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    const margin = 0.1 * (at(0.995) - at(0));
    this.scale = { low: at(0) - margin, high: at(0.995) + margin };
    return true;
  }

  copyOf(memory) {
    const copy = this.world.begin();
    this.world.copy(memory, copy);
    return copy;
  }

  // Fill in what M remembers before it reads frame t, and what it then expected of t.
  before(t, memory, prediction) {
    const { world } = this;
    const last = Math.min(Math.floor(t / KEPT), this.kept.length - 1);
    // The prediction of t needs the step before it.
    const kept = Math.max(0, last * KEPT === t ? last - 1 : last);
    world.copy(this.kept[kept] || world.begin(), memory);
    for (let s = kept * KEPT; s < t; s++) {
      world.predict(memory, this.z(s), this.action(s), prediction);
    }
  }

  distance(z, t) {
    const real = this.z(t);
    let sum = 0;
    for (let j = 0; j < z.length; j++) sum += (z[j] - real[j]) ** 2;
    return Math.sqrt(sum);
  }

  // The mean distance of z between frames that have little to do with each other.
  usualDistance() {
    const first = this.world.settled(this.recording);
    const apart = Math.floor((this.steps - first) / 2);
    let sum = 0;
    for (let t = first; t < first + apart; t++) sum += this.distance(this.z(t), t + apart);
    return apart ? sum / apart : 1;
  }

  show(picture, t) {
    const { columns } = this.recording;
    // A sheet that is not there yet, or that the browser cannot read, has no width.
    if (!this.sheet.naturalWidth) return;
    picture.tile(this.sheet, t % columns, Math.floor(t / columns));
  }
}

// The part of the page in which a drive is watched.
class Watching {
  constructor(world, dream, calls) {
    this.world = world;
    this.dream = dream;
    this.calls = calls; // {sleep(drive, frame, memory), apart(z, words, picture), woke()}
    this.drives = world.recordings.map((recording) => new Drive(world, recording));
    this.drive = this.drives[0];
    this.real = new Picture(byId("real"), world.sizes.frame);
    this.guess = new Picture(byId("guess"), world.sizes.frame);
    this.memory = world.begin();
    this.prediction = world.prediction();
    this.likeliest = new Float32Array(world.sizes.latent);
    this.clock = new Clock(world.header.game.frames_per_second);
    this.frame = 0;
    this.reached = -1; // the frame that `memory` stands before
    this.running = false;
    this.asleep = null; // {from, distances, unrelated, alone}
    this.stale = true;
    this.listen();
    this.choose(0);
    for (const { sheet } of this.drives) {
      sheet.addEventListener("load", () => { this.stale = true; });
    }
  }

  listen() {
    const { game } = this.world.header;
    const which = byId("which");
    this.world.recordings.forEach((recording, n) => {
      const who = recording.by === "agent" ? "the agent" : "random actions";
      which.add(new Option(`${who}: ${gained(game, recording.score)}`, n));
    });
    byId("which-field").hidden = this.drives.length < 2;
    which.addEventListener("change", () => this.choose(Number(which.value)));
    byId("watch").addEventListener("click", () => {
      if (this.asleep) this.wake();
      else this.run(!this.running);
    });
    byId("sleep").addEventListener("click", () => {
      this.sleep();
      byId("watch").focus({ preventScroll: true }); // this button is gone
    });
    const apart = () => {
      const words = `frame ${this.frame} of the recording`;
      this.calls.apart(this.drive.z(this.frame), words, this.real.canvas);
    };
    byId("take").addEventListener("click", apart);
    byId("real").addEventListener("click", apart);
    byId("frame").addEventListener("input", (event) => this.seek(event.target.value));
    const strip = byId("strip");
    const seek = (event) => {
      const box = strip.getBoundingClientRect();
      const share = clamp((event.clientX - box.left) / box.width, 0, 1);
      this.seek(Math.round(share * (this.drive.steps - 1)));
    };
    strip.addEventListener("pointerdown", (event) => {
      strip.setPointerCapture(event.pointerId);
      seek(event);
    });
    strip.addEventListener("pointermove", (event) => {
      if (strip.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  choose(n) {
    this.drive = this.drives[n];
    byId("frame").max = this.drive.steps - 1;
    this.reached = -1;
    this.seek(Math.min(FIRST, this.drive.steps - 1));
  }

  seek(frame) {
    if (this.asleep) this.wake();
    this.frame = clamp(Number(frame), 0, this.drive.steps - 1);
    this.stale = true;
  }

  run(running) {
    if (running && this.frame >= this.drive.steps - 1) this.seek(0);
    this.running = running;
    this.clock.stop();
    this.stale = true;
  }

  sleep() {
    this.lookUp();
    this.run(false);
    const from = this.frame;
    const { unrelated } = this.drive;
    this.asleep = { from, distances: [0], unrelated, alone: false };
    this.calls.sleep(this.drive, from, this.memory);
    this.stale = true;
  }

  wake() {
    this.asleep = null;
    this.reached = -1;
    this.stale = true;
    this.calls.woke();
  }

  // Look at what the dream that began here has come to.
  dreamt() {
    const { asleep, dream } = this;
    if (!asleep || asleep.alone) return;
    const frame = asleep.from + dream.step;
    if (!dream.again || frame >= this.drive.steps) asleep.alone = true;
    else {
      this.frame = frame;
      // Of what M expects: a draw is as far off as its luck.
      this.world.likeliest(dream.prediction, this.likeliest);
      asleep.distances.push(this.drive.distance(this.likeliest, frame));
    }
    this.stale = true;
  }

  // Let M read the recording up to the frame that is looked at.
  lookUp() {
    const { world, drive, frame } = this;
    if (this.reached >= 0 && this.reached + 1 === frame) {
      const t = this.reached;
      world.predict(this.memory, drive.z(t), drive.action(t), this.prediction);
    } else if (this.reached !== frame) {
      drive.before(frame, this.memory, this.prediction);
    }
    this.reached = frame;
  }

  // Do what is due at the time `now`.
  tick(now, inSight) {
    if (this.running && inSight) {
      const steps = this.clock.due(now);
      for (let n = 0; n < steps && this.frame < this.drive.steps - 1; n++) {
        this.frame += 1;
        if (n < steps - 1) this.lookUp();
        this.stale = true;
      }
      if (this.frame >= this.drive.steps - 1) this.run(false);
    } else this.clock.stop();
    if (inSight && this.drive.findMore(this.running ? 2 : 5)) this.stale = true;
    if (this.stale && inSight) this.draw();
  }

  draw() {
    const { world, drive, frame, asleep } = this;
    this.stale = false;
    drive.show(this.real, frame);
    if (asleep) this.guess.decode(world, this.dream.z);
    else if (frame === 0) this.guess.decode(world, drive.z(0));
    else {
      this.lookUp();
      world.likeliest(this.prediction, this.likeliest);
      this.guess.decode(world, this.likeliest);
    }
    byId("frame").value = frame;
    byId("frame").setAttribute("aria-valuetext", `frame ${frame} of ${drive.steps - 1}`);
    drawStrip(byId("strip"), drive.surprises, drive.known, drive.scale, frame, asleep);
    this.tell();
  }

  tell() {
    const { drive, frame, asleep } = this;
    const seconds = frame / this.world.header.game.frames_per_second;
    byId("real").parentElement.classList.toggle("gone", Boolean(asleep && asleep.alone));
    byId("guess").parentElement.classList.toggle("dreams", Boolean(asleep));
    byId("real-text").textContent =
      `the game, frame ${frame} (${seconds.toFixed(1)} s)`;
    byId("watch").textContent = asleep ? "Wake up" : this.running ? "Stop" : "Watch";
    byId("sleep").hidden = Boolean(asleep);
    const texts = asleep ? this.ofSleep() : this.ofWatching();
    for (const [id, text] of Object.entries(texts)) {
      if (byId(id).textContent !== text) byId(id).textContent = text;
    }
  }

  ofWatching() {
    const { drive, frame } = this;
    const found = frame > 0 && frame < drive.known;
    return {
      "guess-text": frame ? "its guess, one step before" : "what it sees; no guess yet",
      "drive-state": "Awake: it sees every frame.",
      surprise: found ? signed(drive.surprises[frame]) : "\u2013",
      "surprise-text":
        "surprise at this frame: the less, the better it was foreseen " +
        "(in nats, for each of its numbers)",
      "sleep-text": "",
      "strip-text":
        "Surprise at every frame: high where the game did what nobody could foresee. " +
        "Click, or move the slider, to go to a frame.",
    };
  }

  ofSleep() {
    const { distances, alone } = this.asleep;
    const last = distances[distances.length - 1];
    return {
      "guess-text": "what it dreams",
      "drive-state": alone
        ? "Asleep, and on its own way: the recording stays behind."
        : "Asleep: it does what was done in the recording, and sees none of it.",
      surprise: `${Math.round((100 * last) / this.drive.unrelated)} %`,
      "surprise-text": "of the way to an unrelated picture",
      "sleep-text": alone ? "" : "Press an arrow key, or drag in its picture, and it is yours.",
      "strip-text":
        "How far what it expects is from the game: the distance between their numbers.",
    };
  }
}

// Stands for it on a page without a recording.
const NOTHING_WATCHED = { asleep: null, stale: false, dreamt() {}, tick() {} };

// A number with a minus sign of full width, and none before a zero.
function signed(x, digits = 2) {
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
}
