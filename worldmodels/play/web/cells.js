// The recurrent cells of M. Each is made as plan(memory plan, inputs, units, options)
// and has: output, how many numbers M's heads read; state, the sizes of what it
// remembers, by name; fill(arrays); step(operations, state, x, output), which reads
// x [inputs], changes the state and fills in the output.

const CELLS = {
  lstm(plan, inputs, units) {
    const seen = plan.floats(inputs + units);
    const gates = planDense(plan, inputs + units, 4 * units);
    return {
      output: units,
      state: { h: units, c: units },
      fill(arrays) {
        fillMatrix(gates.matrix, arrays("lstm_kernel"));
        gates.bias.set(arrays("lstm_bias"));
      },
      step(operations, state, x, output) {
        seen.data.set(x);
        seen.data.set(state.h, inputs);
        lstmGates(gates.apply(operations, seen), units, state);
        output.set(state.h);
      },
    };
  },

  gru(plan, inputs, units) {
    const seen = plan.floats(inputs);
    const before = plan.floats(units);
    const ofX = planDense(plan, inputs, 3 * units);
    const ofH = planDense(plan, units, 3 * units);
    return {
      output: units,
      state: { h: units },
      fill(arrays) {
        fillMatrix(ofX.matrix, arrays("gru_kernel"));
        ofX.bias.set(arrays("gru_bias"));
        fillMatrix(ofH.matrix, arrays("gru_recurrent_kernel"));
        ofH.bias.set(arrays("gru_recurrent_bias"), 2 * units);
      },
      step(operations, state, x, output) {
        seen.data.set(x);
        before.data.set(state.h);
        const g = ofX.apply(operations, seen);
        const k = ofH.apply(operations, before);
        for (let n = 0, u = units, c = 2 * units; n < units; n++, u++, c++) {
          const kept = sigmoid(g[u] + k[u]);
          const candidate = tanh(g[c] + sigmoid(g[n] + k[n]) * k[c]);
          state.h[n] = (1 - kept) * candidate + kept * state.h[n];
        }
        output.set(state.h);
      },
    };
  },
};

// Gates [4 units] in the order input, forget, candidate, output.
function lstmGates(gates, units, state) {
  for (let n = 0; n < units; n++) {
    const candidate = tanh(gates[2 * units + n]);
    const kept = sigmoid(gates[units + n]) * state.c[n];
    state.c[n] = kept + sigmoid(gates[n]) * candidate;
    state.h[n] = sigmoid(gates[3 * units + n]) * tanh(state.c[n]);
  }
}
