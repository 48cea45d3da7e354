// The differentiable neural computer (Graves et al. 2016) as a cell of M: an LSTM with a
// memory of N slots of W numbers beside it, of which R heads read. What is done at a
// step, and in which order, is what models/cells/dnc.py does.

const EPSILON = 1e-6; // as there: in the roots of lengths, and added to usage

CELLS.dnc = (plan, inputs, units, options) => {
  const N = options.slots ?? 16;
  const W = options.word_size ?? 16;
  const R = options.read_heads ?? 4;
  const masked = options.masked_content ?? false;
  const sharpened = options.sharpen_links ?? false;
  const sizes = [R * W, R, W, 1, W, W, R, 1, 1, 3 * R];
  sizes.push(...(masked ? [R * W, W] : [0, 0]), sharpened ? 2 * R : 0);
  const asked = sizes.reduce((x, y) => x + y, 0);
  const seen = plan.floats(inputs + R * W + units);
  const h = plan.floats(units);
  const gates = planDense(plan, seen.length, 4 * units);
  const says = planDense(plan, units, asked);
  const retained = new Float64Array(N);
  const write = new Float64Array(N);
  const found = new Float64Array(N);
  const order = Array.from({ length: N }, (_, n) => n);
  const ways = Array.from({ length: 2 * R }, () => new Float64Array(N));

  // Fill in `found`, the content weighting of a key xi[key ...], by cosine.
  function look(memory, xi, key, strength, mask) {
    let lengthOfKey = EPSILON;
    for (let w = 0; w < W; w++) {
      const part = xi[key + w] * (mask < 0 ? 1 : sigmoid(xi[mask + w]));
      lengthOfKey += part * part;
    }
    let best = -Infinity;
    for (let n = 0; n < N; n++) {
      let product = 0;
      let length = EPSILON;
      for (let w = 0; w < W; w++) {
        const share = mask < 0 ? 1 : sigmoid(xi[mask + w]);
        const part = memory[n * W + w] * share;
        product += part * xi[key + w] * share;
        length += part * part;
      }
      const near = product / Math.sqrt(lengthOfKey * length);
      found[n] = (1 + softplus(strength)) * near;
      best = Math.max(best, found[n]);
    }
    normalise(found, best);
  }

  function normalise(values, best) {
    let sum = 0;
    for (let n = 0; n < N; n++) sum += values[n] = exp(values[n] - best);
    for (let n = 0; n < N; n++) values[n] /= sum;
  }

  // Make what is large in a weighting larger.
  function sharpen(weighting, power) {
    let best = -Infinity;
    for (let n = 0; n < N; n++) {
      weighting[n] = power * log(weighting[n] + EPSILON);
      best = Math.max(best, weighting[n]);
    }
    normalise(weighting, best);
  }

  function access(state, xi) {
    const at = [];
    sizes.reduce((sum, size) => (at.push(sum), sum + size), 0);
    const [keys, strengths, key, strength, erase, value, free, allocate, gate] = at;
    const [modes, readMasks, writeMask, powers] = at.slice(9);
    const { memory, usage, link, precedence } = state;

    for (let n = 0; n < N; n++) {
      retained[n] = 1;
      for (let r = 0; r < R; r++) {
        retained[n] *= 1 - sigmoid(xi[free + r]) * state.read[r * N + n];
      }
      const before = state.write[n];
      usage[n] = (usage[n] + before - usage[n] * before) * retained[n];
    }

    look(memory, xi, key, xi[strength], masked ? writeMask : -1);
    const share = sigmoid(xi[allocate]);
    order.sort((i, j) => usage[i] - usage[j] || i - j); // of equals the lower number first
    let left = 1;
    for (const n of order) {
      const used = EPSILON + (1 - EPSILON) * usage[n];
      const where = share * (1 - used) * left + (1 - share) * found[n];
      write[n] = sigmoid(xi[gate]) * where;
      left *= used;
    }

    for (let n = 0; n < N; n++) {
      const kept = options.erase_freed ? retained[n] : 1;
      for (let w = 0; w < W; w++) {
        const rest = 1 - write[n] * sigmoid(xi[erase + w]);
        memory[n * W + w] = memory[n * W + w] * kept * rest + write[n] * xi[value + w];
      }
    }

    ways.forEach((way) => way.fill(0));
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < N; j++) {
        const old = (1 - write[i] - write[j]) * link[i * N + j];
        const now = i === j ? 0 : old + write[i] * precedence[j];
        link[i * N + j] = now;
        for (let r = 0; r < R; r++) {
          ways[r][j] += now * state.read[r * N + i]; // backward
          ways[R + r][i] += now * state.read[r * N + j]; // forward
        }
      }
    }
    const written = write.reduce((x, y) => x + y, 0);
    for (let n = 0; n < N; n++) {
      precedence[n] = (1 - written) * precedence[n] + write[n];
      state.write[n] = write[n];
    }

    if (sharpened) {
      ways.forEach((way, n) => sharpen(way, 1 + softplus(xi[powers + n])));
    }
    state.r.fill(0);
    for (let r = 0; r < R; r++) {
      const mask = masked ? readMasks + r * W : -1;
      look(memory, xi, keys + r * W, xi[strengths + r], mask);
      const mode = [0, 1, 2].map((n) => exp(xi[modes + 3 * r + n]));
      const sum = mode[0] + mode[1] + mode[2];
      for (let n = 0; n < N; n++) {
        const forward = mode[2] * ways[R + r][n];
        const read = (mode[0] * ways[r][n] + mode[1] * found[n] + forward) / sum;
        state.read[r * N + n] = read;
        for (let w = 0; w < W; w++) state.r[r * W + w] += read * memory[n * W + w];
      }
    }
  }

  return {
    output: units + R * W,
    state: {
      h: units,
      c: units,
      r: R * W,
      memory: N * W,
      usage: N,
      write: N,
      read: R * N,
      link: N * N,
      precedence: N,
    },
    fill(arrays) {
      fillMatrix(gates.matrix, arrays("dnc_kernel"));
      gates.bias.set(arrays("dnc_bias"));
      fillMatrix(says.matrix, arrays("dnc_interface_kernel"));
      says.bias.set(arrays("dnc_interface_bias"));
    },
    step(operations, state, x, output) {
      seen.data.set(x);
      seen.data.set(state.r, inputs);
      seen.data.set(state.h, inputs + R * W);
      lstmGates(gates.apply(operations, seen), units, state);
      h.data.set(state.h);
      access(state, says.apply(operations, h));
      output.set(state.h);
      output.set(state.r, units);
    },
  };
};
