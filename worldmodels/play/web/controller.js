// C: what it reads, its layers, and its actions within the bounds of the game.

const SQUASHES = {
  tanh: (x) => x,
  shifted: (x) => (x + 1) / 2,
  positive: (x) => Math.max(x, 0),
  scaled: (x, low, high) => {
    return Math.min(Math.max(low + ((high - low) * (x + 1)) / 2, low), high);
  },
};

function controllerOf(controller, game, arrays) {
  const { inputs, layers, bias } = controller;
  const values = arrays("controller");
  const seen = new Float32Array(layers[0].inputs);
  const results = layers.map((layer) => new Float32Array(layer.outputs));
  return (z, memory, action) => {
    let at = 0;
    for (const name of inputs) {
      const part = name === "z" ? z : memory[name];
      seen.set(part, at);
      at += part.length;
    }
    let x = seen;
    let from = 0;
    layers.forEach((layer, n) => {
      const y = results[n];
      const biases = from + layer.inputs * layer.outputs;
      for (let o = 0; o < layer.outputs; o++) {
        let sum = bias ? values[biases + o] : 0;
        for (let i = 0; i < layer.inputs; i++) sum += values[from++] * x[i];
        y[o] = n < layers.length - 1 ? tanh(sum) : sum;
      }
      if (bias) from += layer.outputs;
      x = y;
    });
    squash(x, game, action);
  };
}

function squash(raw, game, action) {
  if (game.discrete) {
    const best = raw.indexOf(Math.max(...raw));
    action.fill(0)[best] = 1;
    return;
  }
  game.actions.forEach(({ low, high, squash }, n) => {
    action[n] = SQUASHES[squash](tanh(raw[n]), low, high);
  });
}
