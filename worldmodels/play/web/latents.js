// The numbers that V makes of a picture: each with a slider, and what it does.

const REACH = 3; // a slider goes this many standard deviations to both sides
const PICTURES = 7; // of a number's strip
const GAP = 4; // between them, in their pixels
const USED = 0.1; // standard deviation over the recordings above which a number is used
const SHOWN = 14; // rows, until more are asked for

class Numbers {
  constructor(world, dream, calls) {
    this.world = world;
    this.dream = dream;
    this.calls = calls; // {onward(z), shown()}
    // Where no picture is known that uses any, they are as spread as V's prior.
    const known = world.latents.some(({ std }) => std > USED);
    this.latents = known ? world.latents : world.latents.map((l) => ({ ...l, std: 1 }));
    this.used = this.latents.filter(({ std }) => std > USED);
    this.z = new Float32Array(world.sizes.latent);
    this.moved = new Float32Array(world.sizes.latent); // of a picture in a strip
    this.portrait = new Picture(byId("portrait"), world.sizes.frame);
    this.given = new Picture(byId("given"), world.sizes.frame);
    this.tile = new Picture(document.createElement("canvas"), world.sizes.frame);
    this.rows = this.used.map((latent, n) => this.row(latent, n));
    this.queue = []; // strips that are to be drawn, picture by picture
    this.random = random(Date.now());
    this.stale = true;
    this.listen();
    this.middle();
  }

  listen() {
    const { latent, frame } = this.world.sizes;
    const used = this.used.length;
    byId("numbers-lead").textContent =
      `The network sees a picture as ${latent} numbers, which nobody named. ` +
      (used < latent ? `${used} of them are in use. ` : "") +
      "Move one and see what it stands for; the pictures beside it show its whole " +
      "range, with the others as they are. Or give it a picture of your own.";
    byId("random").addEventListener("click", () => {
      for (const { index, mean, std } of this.latents) {
        this.moved[index] = mean + std * this.random.normal();
      }
      this.load(this.moved, "random numbers");
    });
    listenToPictures(frame, (picture, name) => this.look(picture, name), (words) => {
      byId("own-text").textContent = words;
    });
    byId("middle").addEventListener("click", () => this.middle());
    byId("from-dream").addEventListener("click", () => {
      this.load(this.dream.z, `step ${this.dream.step} of the dream`);
    });
    byId("onward").addEventListener("click", () => this.calls.onward(this.z));
    const more = byId("more");
    more.hidden = this.rows.length <= SHOWN;
    more.textContent = `Show ${this.rows.length - SHOWN} more`;
    more.addEventListener("click", () => {
      more.hidden = true;
      this.rows.forEach((row) => { row.element.hidden = false; });
      this.rows[SHOWN].slider.focus();
      this.redraw();
    });
  }

  row({ index, mean, std }, n) {
    const element = document.createElement("div");
    element.className = "slider";
    element.hidden = n >= SHOWN;
    const label = document.createElement("label");
    const slider = document.createElement("input");
    const output = document.createElement("output");
    const strip = document.createElement("canvas");
    label.textContent = `z${index}`;
    label.htmlFor = slider.id = `z${index}`;
    Object.assign(slider, { type: "range", min: -REACH, max: REACH, step: 0.05 });
    strip.width = PICTURES * (this.world.sizes.frame + GAP) - GAP;
    strip.height = this.world.sizes.frame;
    strip.setAttribute("role", "img");
    strip.setAttribute("aria-label", `Pictures over the range of z${index}`);
    element.append(label, slider, output, strip);
    byId("sliders").append(element);
    const row = { index, mean, std, element, slider, output, strip };
    slider.addEventListener("input", () => this.move(row, Number(slider.value)));
    slider.addEventListener("change", () => this.redraw());
    strip.addEventListener("click", (event) => {
      const box = strip.getBoundingClientRect();
      const n = Math.floor((PICTURES * (event.clientX - box.left)) / box.width);
      this.move(row, valueOf(clamp(n, 0, PICTURES - 1)));
      this.redraw();
    });
    return row;
  }

  move(row, value) {
    this.z[row.index] = row.mean + value * row.std;
    byId("portrait-text").textContent = "your numbers";
    this.tell(row);
    this.stale = true;
  }

  middle() {
    for (const { index, mean } of this.latents) this.moved[index] = mean;
    this.load(this.moved, "the mean of all numbers");
  }

  // Let V look at a picture of the visitor's own.
  look(picture, name) {
    const { width } = picture;
    const pixels = picture.getContext("2d").getImageData(0, 0, width, width).data;
    this.load(this.world.encode(pixels).mean, name, picture);
    byId("own-text").textContent =
      "It knows nothing but its game: it sees the game in every picture.";
    this.calls.shown();
  }

  // Show z, and say where it comes from; beside the picture that it was found in, if any.
  load(z, words, picture = null) {
    this.z.set(z);
    if (picture) this.given.context.drawImage(picture, 0, 0);
    byId("given-figure").hidden = !picture;
    byId("whole").classList.toggle("compared", Boolean(picture));
    byId("given-text").textContent = picture ? words : "";
    byId("portrait-text").textContent = picture ? "what it sees in it" : words;
    byId("own-text").textContent = "";
    this.rows.forEach((row) => this.tell(row));
    this.stale = true;
    this.redraw();
  }

  tell(row) {
    const value = (this.z[row.index] - row.mean) / row.std;
    row.slider.value = value;
    row.slider.setAttribute("aria-valuetext", `${value.toFixed(1)} of its spread`);
    row.output.textContent = (value >= 0.05 ? "+" : "") + signed(value, 1);
  }

  redraw() {
    this.queue.length = 0;
    for (const row of this.rows.filter(({ element }) => !element.hidden)) {
      for (let n = 0; n < PICTURES; n++) this.queue.push([row, n]);
    }
  }

  // Draw what has changed, and a picture or two of the strips.
  tick(inSight) {
    if (!inSight) return;
    if (this.stale) this.portrait.decode(this.world, this.z);
    this.stale = false;
    const until = performance.now() + 4;
    while (this.queue.length && performance.now() < until) {
      const [row, n] = this.queue.shift();
      this.moved.set(this.z);
      this.moved[row.index] = row.mean + valueOf(n) * row.std;
      this.tile.decode(this.world, this.moved);
      const { width } = this.tile.canvas;
      row.strip.getContext("2d").drawImage(this.tile.canvas, n * (width + GAP), 0);
    }
  }
}

// What the n-th picture of a strip stands for.
const valueOf = (n) => REACH * ((2 * n) / (PICTURES - 1) - 1);
