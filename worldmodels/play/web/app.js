// The page: who plays, the dream's pictures and switches, and the parts put together.

const world = openWorld(
  JSON.parse(byId("agent").textContent), fromBase64(byId("numbers").textContent));
const { game } = world.header;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let seed = 1;
let paused = calm;
let stale = true;

const dream = new Dream(world);
const clock = new Clock(game.frames_per_second);
const wheel = new Wheel(game, tellHands);
const screen = new Picture(byId("screen"), world.sizes.frame);
const expected = new Expected(world, dream, () => { stale = true; });
const inSight = watchSight(["stage", "mind", "drive", "latents"]);
const bars = game.actions.map(makeBar);
const watching = !world.recordings.length ? NOTHING_WATCHED : new Watching(world, dream, {
  sleep(drive, frame, memory) {
    dream.asleep(seed, drive.z(frame), memory, (t) =>
      frame + t < drive.steps - 1 ? drive.action(frame + t) : null);
    begun();
    pause(false);
  },
  apart(z, words, picture) {
    numbers.load(z, words, picture);
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
  shown: () => goTo("latents"),
});

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
  expected.lookAnew();
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
  if (!paused && !dream.ended && inPlay()) {
    for (let due = clock.due(now); due > 0; due--) step();
  } else clock.stop();
  if (stale && inSight.stage) draw();
  watching.tick(now, inSight.drive);
  numbers.tick(inSight.latents);
  requestAnimationFrame(tick);
}

// Its pictures

function draw() {
  stale = false;
  screen.decode(world, dream.z);
  if (inSight.mind) expected.draw(screen.canvas);
  byId("step").textContent = dream.step;
  const seconds = (dream.step / game.frames_per_second).toFixed(1);
  byId("seconds").textContent = `${seconds} s of play`;
  bars.forEach((show, n) => show(dream.action[n]));
  expected.drawOutcomes();
}

function makeBar({ name, low, high }) {
  const label = document.createElement("span");
  const bar = document.createElement("span");
  const fill = document.createElement("i");
  const value = document.createElement("output");
  label.textContent = name;
  value.id = `value-${name.replaceAll(" ", "-")}`;
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

// Whether pictures of the dream are in sight.
function inPlay() {
  return inSight.stage || (inSight.drive && Boolean(watching.asleep));
}

function listen() {
  const played = () => dream.action;
  const keep = () => wheel.take(performance.now(), true, dream.action);
  const hands = () => (wheel.person ? wheel.giveBack() : keep());
  listenToKeys(wheel, inPlay, played, {
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
  const tau = byId("tau");
  tau.addEventListener("input", () => setTemperature(tau.value));
  tau.addEventListener("change", toAddress); // some browsers bear few changes of it
  // After a click on it the arrows are the wheel's again.
  tau.addEventListener("pointerup", () => byId("screen").focus({ preventScroll: true }));
  byId("tau-one").addEventListener("click", () => {
    setTemperature(1);
    toAddress();
  });
  addEventListener("hashchange", () => {
    // A link to a part of the page is no other dream.
    if (/[#&](seed|uncertainty)=/.test(location.hash)) fromAddress();
    else toAddress();
  });
  const redraw = () => { stale = watching.stale = true; };
  addEventListener("resize", redraw);
  byNight.addEventListener("change", redraw);
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

// Dream the dream of that number; of what is none, the last one again.
function setSeed(text) {
  const good = /^\s*\d+\s*$/.test(text) && Number(text) < 2 ** 32;
  if (good) seed = Number(text);
  byId("seed").value = seed;
  toAddress();
  reset();
}

function setTemperature(text) {
  const most = Number(byId("tau").max);
  const asked = Number(text);
  dream.temperature = Number.isFinite(asked) ? clamp(asked, 0, most) : 1;
  byId("tau").value = dream.temperature;
  byId("tau-value").textContent = dream.temperature.toFixed(2);
  expected.lookAnew();
}

function toAddress() {
  const tau = dream.temperature;
  const hash = `#seed=${seed}${tau === 1 ? "" : `&uncertainty=${tau}`}`;
  try {
    if (location.hash !== hash) history.replaceState(null, "", hash);
  } catch {
    // Some places that show a page, such as a preview, let no page change its address.
  }
}

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const tau = asked.get("uncertainty");
  const number = asked.get("seed");
  setTemperature(tau ?? 1);
  setSeed(number ?? seed);
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
  for (const mark of [byId("tau-mark"), byId("tau-one")]) {
    mark.style.left = `calc(8px + (100% - 16px) / ${most})`;
  }
  byId("drive").hidden = !world.recordings.length;
  listen();
  fromAddress();
  pause(calm);
  document.body.dataset.ready = "";
  requestAnimationFrame(tick);
}

start();
