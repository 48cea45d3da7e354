// The dream: draws from M, one after another, under the actions of whoever plays.

const CAUGHT_UP = 3; // steps at most in one picture: a hidden page does not rush on

// Steps of a game's length out of the times of the screen's pictures.
class Clock {
  constructor(perSecond) {
    this.length = 1000 / perSecond; // ms
    this.before = null;
    this.left = 0; // ms that no step has used
  }

  // Return how many steps are due at the time `now`, in ms.
  due(now) {
    this.left += this.before === null ? this.length : now - this.before;
    this.before = now;
    const steps = Math.floor(this.left / this.length + 1e-3);
    this.left = Math.min(this.left - steps * this.length, this.length);
    return Math.min(steps, CAUGHT_UP);
  }

  stop() {
    this.before = null;
    this.left = 0;
  }
}

// All arrays are made once.
class Dream {
  constructor(world) {
    this.world = world;
    this.temperature = 1;
    this.memory = world.begin();
    this.z = new Float32Array(world.sizes.latent);
    this.likeliest = new Float32Array(world.sizes.latent); // what z most likely was
    this.action = new Float32Array(world.sizes.action);
    this.prediction = world.prediction();
    this.lately = { death: [], reward: [] }; // what M's heads said of the last steps
  }

  // Begin the dream of that number, at one of the stored beginnings.
  reset(seed) {
    this.begin(seed);
    this.world.start(this.random, this.z);
  }

  // Begin at z, with nothing remembered.
  from(seed, z) {
    this.begin(seed);
    this.z.set(z);
  }

  // Begin at z, with what M remembers of a drive; `again(t)` is the action that was done
  // t steps later in the drive, or null after its end.
  asleep(seed, z, memory, again) {
    this.from(seed, z);
    this.world.copy(memory, this.memory);
    this.again = again;
  }

  begin(seed) {
    this.random = random(seed);
    this.random.at(0);
    this.again = null;
    this.world.copy(this.world.begin(), this.memory);
    this.step = 0;
    this.total = 0; // of the rewards
    this.ended = null;
    for (const values of Object.values(this.lately)) values.length = 0;
    this.action.fill(0);
  }

  // Fill in what the agent, or the drive that is dreamt again, does now.
  choose() {
    const again = this.again && this.again(this.step);
    if (again) this.action.set(again);
    else {
      this.again = null;
      this.world.act(this.z, this.memory, this.action);
    }
  }

  // Dream on by one step under `action`.
  go() {
    const { world, prediction } = this;
    this.step += 1;
    world.predict(this.memory, this.z, this.action, prediction);
    this.random.at(this.step);
    world.draw(prediction, this.temperature, this.random, this.z);
    const died = world.dies(prediction, this.random);
    for (const [head, values] of Object.entries(this.lately)) {
      if (prediction[head] === null) continue;
      values.push(prediction[head]);
      if (values.length > 2000) values.splice(0, 1000);
    }
    this.total += prediction.reward ?? 0;
    if (died) this.ended = "died";
    else if (this.step >= world.header.game.max_steps) this.ended = "whole";
  }
}
