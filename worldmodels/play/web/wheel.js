// Who plays: the agent, a recording, or the person, by keys, pointer or finger.

const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  a: "left", d: "right", w: "up", s: "down",
};
const PATIENCE = 1000; // ms without input after which the agent plays again
const RAMP = 0.1; // a step, of what a key holds down,
const DECAY = 0.9; // and what is left of it a step after

// What each number of an action is to the keys: the first that goes to both sides is
// steered across, the second along; of those from 0 on the first is a pedal that is
// pressed by "up", the second by "down". Others stay as they are.
function rolesOf(actions) {
  const sides = ["across", "along"];
  const pedals = ["up", "down"];
  return actions.map(({ low }) => (low < 0 ? sides : pedals).shift());
}

// The numbers of an action, as the person gives them.
class Wheel {
  constructor({ actions, discrete }, onHands) {
    this.actions = actions;
    this.discrete = discrete;
    this.roles = rolesOf(actions);
    this.values = new Float32Array(actions.length);
    this.held = new Set(); // directions whose keys are down
    this.pointer = null; // [x, y] of -1..1, y downwards, or null
    this.person = false; // whether the person plays
    this.kept = false; // and keeps the wheel until it is given back
    this.onHands = onHands; // called when the one who plays changes
    this.last = 0; // when the person last did something, ms
  }

  // Let the person play, from the values on that were played last.
  take(now, kept, values) {
    this.last = now;
    if (!this.person) this.values.set(values);
    if (this.person && (this.kept || !kept)) return;
    this.kept = kept;
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
    this.held.add(direction);
    this.take(now, false, values);
  }

  release(direction, now) {
    if (this.held.delete(direction)) this.last = now;
  }

  point(x, y, now, values) {
    this.pointer = [Math.max(-1, Math.min(1, x)), Math.max(-1, Math.min(1, y))];
    this.take(now, false, values);
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
    if (this.discrete) this.choose();
    else {
      this.roles.forEach((role, n) => {
        if (role === "across" || role === "along") this.turn(n, role);
        else if (role) this.tread(n, role);
      });
    }
    return this.values;
  }

  // Return how far the keys or the pointer go: [to the right, upwards], of -1..1.
  way() {
    const { held, pointer } = this;
    if (pointer) return [pointer[0], -pointer[1]];
    return [held.has("right") - held.has("left"), held.has("up") - held.has("down")];
  }

  turn(n, role) {
    const { low, high } = this.actions[n];
    const way = this.way()[role === "across" ? 0 : 1];
    const full = way * (way < 0 ? -low : high);
    // A game of one number has two keys: each is all of it, at once.
    if (this.pointer || this.actions.length === 1) this.values[n] = full;
    else if (way) this.values[n] = clamp(this.values[n] + RAMP * full, low, high);
    else this.values[n] *= DECAY * DECAY;
  }

  tread(n, role) {
    const { low, high } = this.actions[n];
    const push = role === "up" ? this.way()[1] : -this.way()[1];
    let share = (this.values[n] - low) / (high - low);
    if (this.pointer) share = 1.25 * push - 0.1;
    else if (this.held.has(role)) share += RAMP;
    else share *= DECAY;
    this.values[n] = low + (high - low) * clamp(share, 0, 1);
  }

  // Of two choices the keys left and right are one each. Of more the first is done
  // without a key, and the next four are left, up, right and down.
  choose() {
    const [x, y] = this.way().map((share) => (Math.abs(share) < 0.35 ? 0 : share));
    const few = this.actions.length === 2;
    let choice = x < 0 ? 1 : x > 0 ? 3 : y > 0 ? 2 : y < 0 ? 4 : 0;
    if (few) choice = x < 0 ? 0 : x > 0 ? 1 : this.values.indexOf(1);
    this.values.fill(0)[clamp(choice, 0, this.actions.length - 1)] = 1;
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
function listenToPointer(wheel, area, played, fingers, show, may = () => true) {
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
    if (event.button !== 0 || !may()) return;
    if (event.pointerType === "touch" && !fingers) return; // it scrolls the page
    area.setPointerCapture(event.pointerId);
    at(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) at(event);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    area.addEventListener(name, end);
  }
}
