// Pictures and charts. A picture is a canvas of as many pixels as V sees; the style sheet
// makes it large without smoothing. A chart is redrawn whole, in the page's colours.

const byId = (id) => document.getElementById(id);

// A canvas that shows frames.
class Picture {
  constructor(canvas, size) {
    canvas.width = canvas.height = size;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.image = this.context.createImageData(size, size);
  }

  // Show what V makes of z.
  decode(world, z) {
    world.decode(z, this.image.data);
    this.context.putImageData(this.image, 0, 0);
  }

  // Show one tile of a sheet of frames.
  tile(sheet, column, row) {
    const { width } = this.canvas;
    this.context.drawImage(
      sheet, column * width, row * width, width, width, 0, 0, width, width);
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.width);
  }
}

let palette = null;
const byNight = matchMedia("(prefers-color-scheme: dark)");
byNight.addEventListener("change", () => { palette = null; });

// The colours of the style sheet by name.
function colours() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    palette = {};
    for (const name of ["ink", "soft", "faint", "line", "agent", "sleep"]) {
      palette[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }
  return palette;
}

// Make a chart as sharp as the screen, wipe it, and return its context and size.
function wiped(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)
      || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  return { context, width, height };
}

function line(context, points, colour, width) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
}

function upright(context, x, top, bottom, colour, width) {
  line(context, [[x, top], [x, bottom]], colour, width);
}

// Draw the bells of one number's mixture, their sum, and the value that was drawn.
// `bells` are {weight, mean, std}; the axis goes from `low` to `high`.
function drawMixture(canvas, bells, value, low, high, before) {
  const { context, width, height } = wiped(canvas);
  const ink = colours();
  const floor = height - 18;
  const count = Math.max(2, Math.floor(width / 2));
  const across = (x) => ((x - low) / (high - low)) * width;
  const narrowest = (high - low) / 250; // a bell that is thinner shows as thick as this
  const of = (x, { weight, mean, std }) => {
    const wide = Math.max(std, narrowest);
    const away = (x - mean) / wide;
    return (weight / wide) * Math.exp(-0.5 * away * away);
  };
  const xs = Array.from({ length: count + 1 }, (_, i) => low + (i / count) * (high - low));
  const curves = bells.map((bell) => xs.map((x) => of(x, bell)));
  const sum = xs.map((_, i) => curves.reduce((total, curve) => total + curve[i], 0));
  const top = Math.max(Math.max(...sum), 0.93 * before, 1e-9);
  const up = (y) => floor - (y / top) * (floor - 10);
  for (const curve of curves) {
    const points = curve.map((y, i) => [across(xs[i]), up(y)]);
    context.beginPath();
    context.moveTo(0, floor);
    points.forEach(([x, y]) => context.lineTo(x, y));
    context.lineTo(width, floor);
    context.fillStyle = ink.agent;
    context.globalAlpha = 0.16;
    context.fill();
    context.globalAlpha = 0.55;
    line(context, points, ink.agent, 1);
    context.globalAlpha = 1;
  }
  line(context, sum.map((y, i) => [across(xs[i]), up(y)]), ink.agent, 2);
  line(context, [[0, floor], [width, floor]], ink.faint, 1);
  const x = Math.min(width - 2, Math.max(2, across(value)));
  upright(context, x, 6, floor, ink.ink, 2);
  context.fillStyle = ink.ink;
  context.beginPath();
  context.arc(x, 6, 4, 0, 7);
  context.fill();
  context.fillStyle = ink.soft;
  context.textAlign = "center";
  const between = [0.1, 0.2, 0.5, 1, 2, 5].find((step) => (high - low) / step < 9) || 10;
  for (let n = Math.ceil(low / between); n * between <= high; n++) {
    const at = across(n * between);
    if (at > 14 && at < width - 14) {
      context.fillText(signed(n * between, between < 1 ? 1 : 0), at, height - 5);
    }
  }
  return top;
}

// Draw the last values of something, the newest at the right, of as many as there is room
// for. The axis goes from `low` to `high`, and further where they do.
function drawLately(canvas, values, low, high, room) {
  const { context, width, height } = wiped(canvas);
  const ink = colours();
  const least = Math.min(low, ...values);
  const most = Math.max(high, ...values);
  const up = (y) => height - 4 - ((y - least) / (most - least)) * (height - 8);
  if (low < 0) line(context, [[0, up(0)], [width, up(0)]], ink.line, 1);
  const points = values.map((y, i) => [(i / (room - 1)) * width, up(y)]);
  if (points.length > 1) line(context, points, ink.agent, 1.5);
}

// Draw how surprised M was at every step of a recording; where a dream goes on beside it,
// how far the dream has come from it. `at` is the frame that is looked at.
function drawStrip(canvas, surprises, known, scale, at, asleep) {
  const { context, width, height } = wiped(canvas);
  const ink = colours();
  const floor = height - 4;
  const last = Math.max(1, surprises.length - 1);
  const across = (t) => (t / last) * (width - 2) + 1;
  const up = (y, low, high) =>
    floor - Math.min(1, Math.max(0, (y - low) / (high - low || 1))) * (floor - 20);
  const points = [];
  const together = Math.ceil(last / width); // frames in a point: its highest counts
  for (let from = 1; from < known; from += together) {
    const most = Math.max(...surprises.subarray(from, Math.min(from + together, known)));
    points.push([across(from), up(most, scale.low, scale.high)]);
  }
  context.beginPath();
  context.moveTo(across(1), floor);
  points.forEach(([x, y]) => context.lineTo(x, y));
  if (points.length) context.lineTo(points[points.length - 1][0], floor);
  context.fillStyle = ink.agent;
  context.globalAlpha = asleep ? 0.12 : 0.22;
  context.fill();
  context.globalAlpha = asleep ? 0.35 : 1;
  line(context, points, ink.agent, 1.2);
  context.globalAlpha = 1;
  if (asleep) drawDistances(context, asleep, ink, across, up, width, floor);
  upright(context, across(at), 0, height, ink.ink, 2);
  context.fillStyle = ink.soft;
  context.textAlign = "left";
  context.fillText(asleep ? "how far the dream is from the game" : "surprise", 8, 14);
}

function drawDistances(context, asleep, ink, across, up, width, floor) {
  const { from, distances, unrelated } = asleep;
  const high = unrelated * 2;
  const level = up(unrelated, 0, high);
  context.globalAlpha = 0.12;
  context.fillStyle = ink.sleep;
  context.fillRect(across(from), 0, across(from + distances.length) - across(from), floor);
  context.globalAlpha = 1;
  context.setLineDash([4, 4]);
  line(context, [[0, level], [width, level]], ink.faint, 1);
  context.setLineDash([]);
  context.fillStyle = ink.soft;
  context.textAlign = "right";
  context.fillText("two unrelated pictures", width - 8, level - 6);
  const points = distances.map((d, i) => [across(from + i), up(d, 0, high)]);
  line(context, points, ink.sleep, 2.5);
}
