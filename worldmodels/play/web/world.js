// The agent of a page: V's eyes and pictures, M's dream, C's choices. No DOM here.
//
// The scripts of the engine and then those that draw the page are joined into its one
// script, in the order of play/page.py. The latter need what stands here and no more:
//
//   const world = openWorld(header, bytes, simd = true)
//     header: the parsed JSON of <script id="agent">; bytes: fromBase64(text of
//     <script id="numbers">), a Uint8Array. Throws an Error, in one sentence, for what
//     it cannot run.
//
//   world.header    what Python wrote, see play/packing.py:
//     .name         of the agent, for people (text: escape it, or use textContent)
//     .game         {name, title, actions: [{name, low, high, squash}], discrete,
//                   frames_per_second, max_steps, score, place, size}
//     .agent        {round, seed, generation, score} of its training; each may be null
//     .memory       {cell, units, mixtures, target, least_logstd, death, reward}: target
//                   is "sample" or "mean" of V's posterior, and dreams begin at such a z;
//                   least_logstd is null or what log-stds stay above; death and reward
//                   are booleans
//     .controller   {inputs: ["z", "h"], hidden, ...}
//     .dream        {temperature: that C learnt at, or null; threshold: log-odds of death
//                   above which a dreamer dies, or null where death is drawn}
//     .recordings   see world.recordings
//   world.sizes     {frame, latent, action, mixtures}: frame is pixels of a side
//   world.simd      whether the kernel is in use
//
//   V
//   world.decode(z, rgba) -> Float32Array [H * W * 3] in [0, 1], overwritten by the next
//     call; fills in rgba, a Uint8ClampedArray [H * W * 4] as of an ImageData, if given
//   world.encode(pixels) -> {mean, logvar}: Float32Array [Z], overwritten by the next
//     call; pixels are bytes [H * W * 4] or [H * W * 3]
//
//   M
//   world.begin() -> memory: nothing is remembered
//   world.copy(from, to): set a memory to what another remembers
//   world.prediction() -> a new prediction for `predict` to fill in
//   world.predict(memory, z, action, prediction): M reads (z, action); the memory is
//     advanced and the prediction filled in:
//       .logit, .mean, .logstd   Float32Array [K * Z], number k * Z + j of Gaussian k of
//                                latent j
//       .death                   probability of dying by this action; null: no such head
//       .reward                  expected reward; null: no such head
//   world.gaussians(prediction, j) -> [{weight, mean, std}] of latent j; weights sum to 1
//   world.draw(prediction, temperature, random, z): fill in a drawn z; at 0 it is
//     the likeliest. It uses 2 Z numbers of `random`.
//   world.likeliest(prediction, z): fill in each latent's likeliest Gaussian's mean
//   world.nll(prediction, z) -> nats, summed over the latents
//   world.dies(prediction, random) -> whether the dreamer dies now, by the agent's rule;
//     it uses one number of `random`, and false where M has no such head
//
//   C
//   world.act(z, memory, action): fill in the action [A] that C takes; memory is M's
//     before it has read z
//
//   Dreams
//   world.start(random, z): fill in the z at which a dream begins
//   random(seed) -> {at(step), uniform(), normal()}: numbers of a seed (a whole number
//     from 0 to 2^53 - 1) and a step, the same everywhere. A dream of a seed is:
//       const r = random(seed); r.at(0); world.start(r, z); memory = world.begin();
//       for t = 1, 2, ...: act; predict; r.at(t); draw; dies (in this order)
//
//   Latents
//   world.latents -> [{index, mean, std}] of mu over the recordings, once they are settled
//     (or, where there is none, over the starts of dreams), by falling std; one in use has
//     std > 0.1
//
//   world.recordings -> [{by: "agent" | "random", seed, steps, score, sheet, columns,
//     actions, mu}]: score is the sum of its rewards; sheet a data: URL of a picture with
//     `columns` frames a row, frame t at ((t % columns) * size, floor(t / columns) * size);
//     actions Float32Array [T * A], mu [T * Z]. Frame t was seen, actions[t] done on it.
//   world.z(recording, t) -> mu of frame t, a view [Z]
//   world.settled(recording) -> its first frame after a second, in which games fade in; 0
//     where it is shorter

function openWorld(header, bytes, simd = true) {
  const { vision, memory: m, controller: c, game } = header;
  if (!(m.cell in CELLS)) {
    throw new Error(`This page cannot run an M with the recurrent cell "${m.cell}".`);
  }
  const Z = vision.latent;
  const A = game.actions.length;
  const K = m.mixtures;
  const heads = 3 * K * Z;
  const arrays = (name) => {
    const { start, shape, type } = header.arrays[name];
    const size = shape.reduce((x, y) => x * y, 1);
    const part = bytes.slice(start, start + size * (type === "half" ? 2 : 4));
    return type === "half" ? fromHalf(part) : new Float32Array(part.buffer);
  };

  const plan = planMemory(simd);
  const encoder = planEncoder(plan, vision);
  const decoder = planDecoder(plan, vision);
  const cell = CELLS[m.cell](plan, Z + A, m.units, m.options);
  const read = plan.floats(cell.output);
  const head = planDense(plan, cell.output, heads + m.death + m.reward);
  const operations = plan.commit();
  encoder.fill(arrays);
  decoder.fill(arrays);
  cell.fill(arrays);
  fillMatrix(head.matrix, arrays("head_kernel"), heads);
  head.bias.set(arrays("head_bias"));
  const numbers = ["death", "reward"].filter((name) => m[name]);
  numbers.forEach((name, n) => {
    fillMatrix(head.matrix, arrays(`${name}_kernel`), 1, heads + n);
    head.bias[heads + n] = arrays(`${name}_bias`)[0];
  });
  const act = controllerOf(c, game, arrays);
  const x = new Float32Array(Z + A);
  const starts = { mu: arrays("starts/mu"), logvar: arrays("starts/logvar") };
  const recordings = header.recordings.map((recording, n) => ({
    ...recording,
    actions: arrays(`recordings/${n}/actions`),
    mu: arrays(`recordings/${n}/mu`),
  }));

  const second = Math.floor(game.frames_per_second);
  const settled = ({ mu }) => (mu.length > Z * second ? second : 0);
  const seen = recordings.map((recording) => recording.mu.subarray(Z * settled(recording)));

  const world = {
    header,
    sizes: { frame: vision.size, latent: Z, action: A, mixtures: K },
    simd: operations.simd,
    recordings,
    latents: spread(recordings.length ? seen : [starts.mu], Z),
    settled,
    z: (recording, t) => recording.mu.subarray(t * Z, (t + 1) * Z),
    act,
    encode: (pixels) => encoder.apply(operations, pixels),
    decode: (z, rgba) => decoder.apply(operations, z, rgba),

    begin() {
      const sizes = Object.entries(cell.state);
      return Object.fromEntries(sizes.map(([name, n]) => [name, new Float32Array(n)]));
    },

    copy(from, to) {
      for (const name in to) to[name].set(from[name]);
    },

    prediction() {
      const [logit, mean, logstd] = [0, 1, 2].map(() => new Float32Array(K * Z));
      return { logit, mean, logstd, death: null, reward: null, logOdds: null };
    },

    predict(memory, z, action, prediction) {
      x.set(z);
      x.set(action, Z);
      cell.step(operations, memory, x, read.data);
      const y = head.apply(operations, read);
      prediction.logit.set(y.subarray(0, K * Z));
      prediction.mean.set(y.subarray(K * Z, 2 * K * Z));
      prediction.logstd.set(y.subarray(2 * K * Z, heads));
      if (m.least_logstd !== null) raise(prediction.logstd, m.least_logstd);
      if (m.death) {
        prediction.logOdds = y[heads];
        prediction.death = sigmoid(y[heads]);
      }
      if (m.reward) prediction.reward = y[heads + m.death];
    },

    dies(prediction, random) {
      const u = random.uniform();
      if (!m.death) return false;
      const { threshold } = header.dream;
      return threshold === null ? u < prediction.death : prediction.logOdds > threshold;
    },

    start(random, z) {
      const first = Z * Math.floor((random.uniform() * starts.mu.length) / Z);
      for (let j = 0; j < Z; j++) {
        const std = m.target === "mean" ? 0 : exp(starts.logvar[first + j] / 2);
        z[j] = starts.mu[first + j] + std * random.normal();
      }
    },
  };
  return Object.assign(world, mixtureOf(K, Z));
}

// Let log-stds stay above `least`: least + softplus(x - least).
function raise(logstd, least) {
  for (let i = 0; i < logstd.length; i++) {
    const above = logstd[i] - least;
    logstd[i] = least + Math.max(above, 0) + Math.log1p(exp(-Math.abs(above)));
  }
}

// What is done with a mixture of K Gaussians for each of Z latents.
function mixtureOf(K, Z) {
  const weights = new Float64Array(K);

  // Fill in the weights of latent j at a temperature, 1 for the likeliest Gaussian;
  // return their sum.
  function weigh({ logit }, j, temperature) {
    let best = -Infinity;
    let sum = 0;
    for (let k = 0; k < K; k++) best = Math.max(best, logit[k * Z + j]);
    for (let k = 0; k < K; k++) {
      const distance = logit[k * Z + j] - best;
      weights[k] = distance === 0 ? 1 : exp(distance / temperature);
      sum += weights[k];
    }
    return sum;
  }

  return {
    gaussians(prediction, j) {
      const sum = weigh(prediction, j, 1);
      return Array.from(weights, (weight, k) => ({
        weight: weight / sum,
        mean: prediction.mean[k * Z + j],
        std: exp(prediction.logstd[k * Z + j]),
      }));
    },

    draw(prediction, temperature, random, z) {
      const tau = Math.max(temperature, Number.MIN_VALUE); // at 0 the likeliest alone
      for (let j = 0; j < Z; j++) {
        let u = random.uniform() * weigh(prediction, j, tau);
        const normal = random.normal();
        let k = 0;
        while (k < K - 1 && u >= weights[k]) u -= weights[k++];
        const std = exp(prediction.logstd[k * Z + j]) * Math.sqrt(tau);
        z[j] = prediction.mean[k * Z + j] + std * normal;
      }
    },

    likeliest({ logit, mean }, z) {
      for (let j = 0; j < Z; j++) {
        let best = j;
        for (let n = j; n < K * Z; n += Z) if (logit[n] > logit[best]) best = n;
        z[j] = mean[best];
      }
    },

    nll(prediction, z) {
      let total = 0;
      for (let j = 0; j < Z; j++) {
        let normaliser = weigh(prediction, j, 1);
        let best = -Infinity;
        const joint = new Float64Array(K);
        for (let k = 0; k < K; k++) {
          const logstd = prediction.logstd[k * Z + j];
          const scaled = (z[j] - prediction.mean[k * Z + j]) * exp(-logstd);
          const logit = log(Math.max(weights[k] / normaliser, 1e-300));
          joint[k] = logit - 0.5 * (scaled * scaled + 1.8378770664093453) - logstd;
          best = Math.max(best, joint[k]);
        }
        let sum = 0;
        for (let k = 0; k < K; k++) sum += exp(joint[k] - best);
        total -= best + log(sum);
      }
      return total;
    },
  };
}

// The mean and standard deviation of each latent over means mu [T * Z].
function spread(parts, Z) {
  const count = parts.reduce((sum, part) => sum + part.length / Z, 0);
  const latents = Array.from({ length: Z }, (_, index) => {
    const values = parts.flatMap((part) => {
      return Array.from(part.filter((_, n) => n % Z === index));
    });
    const mean = values.reduce((x, y) => x + y, 0) / count;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
    return { index, mean, std: Math.sqrt(variance) };
  });
  return latents.sort((a, b) => b.std - a.std || a.index - b.index);
}
