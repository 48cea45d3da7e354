// The page: who plays, the dream's pictures and switches, and the parts put together.

const world = openWorld(
  JSON.parse(byId("agent").textContent), fromBase64(byId("numbers").textContent));
const { game } = world.header;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const dream = new Dream(world);
const clock = new Clock(game.frames_per_second);
const wheel = new Wheel(game, tellHands);
const screen = new Picture(byId("screen"), world.sizes.frame);
const drawn = new Picture(byId("drawn"), world.sizes.frame);
const likely = new Picture(byId("likely"), world.sizes.frame);
const inSight = watchSight(["stage", "mind", "drive", "latents"]);
const bars = game.actions.map(makeBar);
const watching = !world.recordings.length ? NOTHING_WATCHED : new Watching(world, dream, {
  sleep(drive, frame, memory) {
    dream.asleep(seed, drive.z(frame), memory, (t) =>
      frame + t < drive.steps - 1 ? drive.action(frame + t) : null);
    begun();
    pause(false);
  },
  apart(z, words) {
    numbers.load(z, words);
    goTo("latents");
  },
  woke: () => reset(),
});
const numbers = new Numbers(world, dream, {
  onward(z) {
    if (watching.asleep) watching.wake();
    dream.from(seed, z);
    begun();
    pause(false);
    goTo("stage");
    byId("screen").focus({ preventScroll: true });
  },
});
let seed = 1;
let paused = calm;
let stale = true;
let latent = world.latents[0].index; // whose mixture is shown
let bellView = { low: 0, high: null, top: 0 }; // of its chart

// The dream

function step() {
  if (dream.ended) return;
  dream.choose();
  if (wheel.person) {
    dream.again = null;
    dream.action.set(wheel.step());
  }
  dream.go();
  watching.dreamt();
  if (dream.ended) tellHands();
  stale = true;
}

function reset() {
  if (watching.asleep) watching.wake();
  else {
    dream.reset(seed);
    begun();
  }
}

function begun() {
  clock.stop();
  bellView = { low: 0, high: null, top: 0 };
  stale = true;
  tellHands();
}

function pause(value) {
  paused = value;
  clock.stop();
  stale = true;
  tellHands();
}

function tick(now) {
  if (!paused) wheel.wait(now);
  if (!paused && !dream.ended && (inSight.stage || (inSight.drive && watching.asleep)))
    for (let due = clock.due(now); due > 0; due--) step();
  else clock.stop();
  if (stale && inSight.stage) draw();
  watching.tick(now, inSight.drive);
  numbers.tick(inSight.latents);
  requestAnimationFrame(tick);
}

// Its pictures

function draw() {
  stale = false;
  screen.decode(world, dream.z);
  if (inSight.mind) drawMind();
  byId("step").textContent = dream.step;
  const seconds = (dream.step / game.frames_per_second).toFixed(1);
  byId("seconds").textContent = `${seconds} s of play`;
  bars.forEach((show, n) => show(dream.action[n]));
  drawOutcome();
}

function drawMind() {
  drawn.context.drawImage(screen.canvas, 0, 0);
  if (dream.step) {
    world.likeliest(dream.prediction, dream.likeliest);
    likely.decode(world, dream.likeliest);
  } else likely.clear();
  drawBells();
}

function drawBells() {
  const bells = dream.step ? tempered(world.gaussians(dream.prediction, latent)) : [];
  const value = dream.z[latent];
  look(bells, value);
  const { low, high } = bellView;
  bellView.top = drawMixture(byId("mixture"), bells, value, low, high, bellView.top);
  byId("mixture").setAttribute("aria-label",
    `${bells.length} bell curves for z${latent}; drawn: ${value.toFixed(2)}`);
}

// Let the chart's axis glide to where the bells are.
function look(bells, value) {
  const ends = bells.filter(({ weight }) => weight > 0.02).flatMap(({ mean, std }) =>
    [mean - 4 * std, mean + 4 * std]);
  const low = Math.min(...ends, value - 0.1);
  const high = Math.max(...ends, value + 0.1);
  const wide = Math.max(high - low, 0.8);
  const aim = [(low + high - wide) / 2, (low + high + wide) / 2];
  const share = bellView.high === null ? 1 : 0.12;
  bellView.low = Math.min(low, bellView.low + share * (aim[0] - bellView.low));
  bellView.high = Math.max(high, bellView.high + share * (aim[1] - bellView.high));
}

// The bells as they are drawn from at the temperature that is set.
function tempered(bells) {
  const tau = Math.max(dream.temperature, 1e-3);
  const best = Math.max(...bells.map(({ weight }) => weight));
  const weights = bells.map(({ weight }) => (weight / best) ** (1 / tau));
  const sum = weights.reduce((x, y) => x + y, 0);
  return bells.map(({ mean, std }, k) => (
    { weight: weights[k] / sum, mean, std: std * Math.sqrt(tau) }));
}

function drawOutcome() {
  const { death, reward } = world.header.memory;
  if (!death && !reward) return;
  const room = 10 * game.frames_per_second;
  const { lately } = dream;
  const last = lately.length ? lately[lately.length - 1] : 0;
  const shown = lately.slice(-room);
  if (death) {
    const percent = 100 * last;
    byId("outcome-value").textContent = `${percent.toFixed(percent < 10 ? 2 : 0)} %`;
    drawLately(byId("outcome-line"), lately, 0, Math.max(0.02, ...shown), room);
  } else {
    byId("outcome-value").textContent =
      `${signed(last)} now, ${signed(dream.total, 0)} in all`;
    drawLately(byId("outcome-line"), lately, Math.min(-0.5, ...shown),
      Math.max(1, ...shown), room);
  }
}

function makeBar({ name, low, high }) {
  const label = document.createElement("span");
  const bar = document.createElement("span");
  const fill = document.createElement("i");
  const value = document.createElement("output");
  label.textContent = name;
  value.id = `value-${name}`;
  bar.className = low < 0 ? "bar axis" : "bar";
  bar.append(fill);
  byId("bars").append(label, bar, value);
  return (x) => {
    const share = low < 0 ? x / Math.max(high, -low) / 2 : (x - low) / (high - low);
    fill.style.transform = `scaleX(${share})`;
    value.textContent = signed(x);
  };
}

// Who plays

function tellHands() {
  const { person, kept } = wheel;
  const asleep = Boolean(dream.again);
  byId("stage").classList.toggle("person", person);
  byId("stage").classList.toggle("asleep", asleep && !person);
  byId("by-agent").setAttribute("aria-pressed", String(!person));
  byId("by-person").setAttribute("aria-pressed", String(person));
  byId("by-agent").firstChild.data = asleep && !person ? "The recording" : "The agent";
  byId("badge").textContent =
    paused ? "paused" : person ? "you" : asleep ? "the recording" : "the agent";
  byId("pause").textContent = paused ? "Play" : "Pause";
  let words = asleep ? "It does what was done in the recording." : "The agent plays.";
  if (person) {
    words = kept
      ? "You play. Press M to give the wheel back."
      : "You play; let go, and the agent goes on.";
  }
  if (paused) words = `Paused. ${words}`;
  if (dream.ended) words = ending();
  if (byId("mode").textContent !== words) byId("mode").textContent = words; // is read out
  byId("ended-text").textContent = dream.ended ? ending() : "";
  byId("ended").hidden = !dream.ended;
}

function ending() {
  const steps = dream.step.toLocaleString("en");
  return dream.ended === "died"
    ? `The dreamer died after ${steps} steps.`
    : `${steps} steps: as long as a game can be.`;
}

function listen() {
  const played = () => dream.action;
  const here = () => inSight.stage || (inSight.drive && Boolean(watching.asleep));
  const keep = () => wheel.take(performance.now(), true, dream.action);
  const hands = () => (wheel.person ? wheel.giveBack() : keep());
  listenToKeys(wheel, here, played, {
    m: hands,
    " ": () => pause(!paused),
    ".": single,
    r: reset,
    n: another,
  });
  const { aim, knob } = { aim: byId("aim"), knob: byId("knob") };
  listenToPointer(wheel, byId("screen"), played, false, (x, y) => {
    aim.hidden = x === null;
    if (x !== null) place(aim, x, y);
  });
  listenToPointer(wheel, byId("guess"), played, true, () => {}, () => watching.asleep);
  listenToPointer(wheel, byId("pad"), played, true, (x, y) => {
    place(knob, x === null ? 0 : clamp(x, -0.9, 0.9), x === null ? 0 : clamp(y, -0.7, 0.7));
  });
  byId("by-agent").addEventListener("click", () => wheel.giveBack());
  byId("by-person").addEventListener("click", keep);
  byId("pause").addEventListener("click", () => pause(!paused));
  byId("single").addEventListener("click", single);
  byId("reset").addEventListener("click", reset);
  byId("another").addEventListener("click", another);
  byId("again").addEventListener("click", () => {
    another();
    byId("screen").focus({ preventScroll: true }); // the button is gone
  });
  byId("seed").addEventListener("change", () => setSeed(byId("seed").value));
  byId("latent").addEventListener("change", () => {
    latent = Number(byId("latent").value);
    begunToLook();
  });
  const tau = byId("tau");
  tau.addEventListener("input", () => setTemperature(tau.value));
  tau.addEventListener("change", toAddress); // some browsers bear few changes of it
  // After a click on it the arrows are the wheel's again.
  tau.addEventListener("pointerup", () => byId("screen").focus({ preventScroll: true }));
  byId("tau-one").addEventListener("click", () => {
    setTemperature(1);
    toAddress();
  });
  addEventListener("hashchange", fromAddress);
  const redraw = () => { stale = watching.stale = true; };
  addEventListener("resize", redraw);
  byNight.addEventListener("change", redraw);
}

function begunToLook() {
  bellView = { low: 0, high: null, top: 0 };
  stale = true;
}

function single() {
  if (!paused) pause(true);
  step();
}

function place(element, x, y) {
  element.style.left = `${50 * (x + 1)}%`;
  element.style.top = `${50 * (y + 1)}%`;
}

// The address: a dream can be shared

function another() {
  setSeed((seed % 9999) + 1);
}

function setSeed(text) {
  const number = Number(text);
  const good = Number.isInteger(number) && number >= 0 && number < 2 ** 32;
  if (good) seed = number;
  byId("seed").value = seed;
  toAddress();
  if (good) reset();
}

function setTemperature(text) {
  const most = Number(byId("tau").max);
  const asked = Number(text);
  dream.temperature = Number.isFinite(asked) ? clamp(asked, 0, most) : 1;
  byId("tau").value = dream.temperature;
  byId("tau-value").textContent = dream.temperature.toFixed(2);
  begunToLook();
}

function toAddress() {
  const tau = dream.temperature;
  const hash = `#seed=${seed}${tau === 1 ? "" : `&uncertainty=${tau}`}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const tau = asked.get("uncertainty");
  const number = asked.get("seed");
  setTemperature(tau === null ? 1 : tau);
  setSeed(number === null || !/^\d+$/.test(number) ? seed : number);
}

// What is in sight, and words of this game

function watchSight(ids) {
  const sight = Object.fromEntries(ids.map((id) => [id, id === "stage"]));
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) sight[target.id] = isIntersecting;
    stale = true;
  }, { rootMargin: "200px 0px" });
  ids.forEach((id) => observer.observe(byId(id)));
  return sight;
}

function goTo(id) {
  byId(id).scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function start() {
  fillWords(world.header, world.sizes.latent);
  const most = world.header.memory.death ? 3 : 2;
  byId("tau").max = most;
  for (const mark of [byId("tau-mark"), byId("tau-one")])
    mark.style.left = `calc(8px + (100% - 16px) / ${most})`;
  const select = byId("latent");
  for (const { index } of world.latents) select.add(new Option(`z${index}`, index));
  byId("drive").hidden = !world.recordings.length;
  listen();
  fromAddress();
  pause(calm);
  document.body.dataset.ready = "";
  requestAnimationFrame(tick);
}

start();
