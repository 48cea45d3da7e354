// Who plays: the agent, a recording, or the person, by keys, pointer or finger.

const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  a: "left", d: "right", w: "up", s: "down",
};
const PATIENCE = 1000; // ms without input after which the agent plays again
const RAMP = 0.1, DECAY = 0.9; // of what a key holds down, a step

// The numbers of an action, as the person gives them.
class Wheel {
  constructor(actions, onHands) {
    this.actions = actions;
    this.values = new Float32Array(actions.length);
    this.held = new Set(); // directions whose keys are down
    this.pointer = null; // [x, y] of -1..1, or null
    this.person = false; // whether the person plays
    this.kept = false; // and keeps the wheel until it is given back
    this.onHands = onHands; // called when the one who plays changes
    this.last = 0; // when the person last did something, ms
  }

  take(now, kept) {
    this.last = now;
    if (this.person && this.kept === (this.kept || kept)) return;
    this.kept = this.kept || kept;
    this.person = true;
    this.onHands();
  }

  giveBack() {
    this.held.clear();
    this.pointer = null;
    this.person = this.kept = false;
    this.onHands();
  }

  press(direction, now, values) {
    if (!this.person) this.values.set(values);
    this.held.add(direction);
    this.take(now, false);
  }

  release(direction, now) {
    if (this.held.delete(direction)) this.last = now;
  }

  point(x, y, now, values) {
    if (!this.person) this.values.set(values);
    this.pointer = [Math.max(-1, Math.min(1, x)), Math.max(-1, Math.min(1, y))];
    this.take(now, false);
  }

  letGo(now) {
    this.pointer = null;
    this.last = now;
  }

  // Give the wheel back to the agent when the person has long done nothing.
  wait(now) {
    if (this.held.size || this.pointer) this.last = now;
    if (this.person && !this.kept && now - this.last > PATIENCE) this.giveBack();
  }

  // Move the values by one step of the game.
  step() {
    const [x, y] = this.pointer || [0, 0];
    this.actions.forEach((action, i) => {
      if (action.low < 0) this.turn(i, action, x);
      else this.pedal(i, action, i === 1 ? "up" : "down", i === 1 ? -y : y);
    });
    return this.values;
  }

  turn(i, action, x) {
    const way = this.held.has("right") - this.held.has("left");
    if (this.pointer) this.values[i] = x * action.high;
    // A game of one number has two keys: each is all of it, at once.
    else if (this.actions.length === 1) this.values[i] = way * action.high;
    else if (way) this.values[i] = clamp(this.values[i] + way * RAMP, -1, 1);
    else this.values[i] *= DECAY * DECAY;
  }

  pedal(i, action, direction, push) {
    if (this.pointer) this.values[i] = clamp(1.25 * push - 0.1, 0, 1) * action.high;
    else if (this.held.has(direction))
      this.values[i] = clamp(this.values[i] + RAMP, action.low, action.high);
    else this.values[i] *= DECAY;
  }
}

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

// Whether a key that was pressed there has a meaning of its own.
function ownsKeys(element, key) {
  const tag = element.tagName;
  if (tag === "INPUT" || tag === "SELECT" || tag === "TEXTAREA") return true;
  return (key === " " || key === "Enter") && (tag === "BUTTON" || tag === "A");
}

// Let keys drive. `may()` says whether the pictures are in sight; elsewhere the arrows
// scroll the page. `shortcuts` has functions by key.
function listenToKeys(wheel, may, played, shortcuts) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (ownsKeys(event.target, key)) return;
    if (KEYS[key] && may()) {
      event.preventDefault();
      // A key that is held on while the wheel is given back does not take it again.
      if (!event.repeat) wheel.press(KEYS[key], performance.now(), played());
    } else if (shortcuts[key] && !event.repeat) {
      event.preventDefault();
      shortcuts[key]();
    }
  });
  addEventListener("keyup", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (KEYS[key]) wheel.release(KEYS[key], performance.now());
  });
  addEventListener("blur", () => wheel.held.clear());
}

// Let a pointer on `area` be the wheel: across steers, up is gas, down is the brake.
function listenToPointer(wheel, area, played, fingers, show) {
  const at = (event) => {
    const box = area.getBoundingClientRect();
    const x = (2 * (event.clientX - box.left)) / box.width - 1;
    const y = (2 * (event.clientY - box.top)) / box.height - 1;
    wheel.point(1.3 * x, 1.1 * y, performance.now(), played());
    show(x, y);
  };
  const end = () => {
    if (wheel.pointer) wheel.letGo(performance.now());
    show(null);
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.pointerType === "touch") !== fingers) return;
    area.setPointerCapture(event.pointerId);
    at(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) at(event);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
    area.addEventListener(name, end);
}
