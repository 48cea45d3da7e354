// Products and convolutions, on arrays that are allocated once.
//
// All of them live in one memory, which the kernel in kernel.wat works on four numbers
// at a time where the browser has WebAssembly with SIMD; elsewhere plain loops do.

// Plan a memory: `floats(n)` asks for n numbers, and after `commit` its `data` are they.
function planMemory(simd) {
  const asked = [];
  let size = 0;
  return {
    floats(length) {
      const part = { at: size, length, data: null };
      size += (length + 3) & ~3; // every part begins at 16 bytes
      asked.push(part);
      return part;
    },
    // Return the two operations; all places, strides and lengths are in floats:
    //   multiply(a, aStride, b, c, cStride, rows, inputs, panels): add A [rows, inputs]
    //     times B, a matrix of `planMatrix`, to C;
    //   stamp(from, to, pixels, lines, run, row, shift, stride): add stamps to an image,
    //     of `lines` runs each, which are a `row` of the image apart; the next stamp is
    //     `stride` further on and adds `shift` further on in the image.
    commit() {
      const kernel = simd ? kernelFor(size) : null;
      const buffer = kernel ? kernel.buffer : new ArrayBuffer(4 * size);
      for (const part of asked) {
        part.data = new Float32Array(buffer, 4 * part.at, part.length);
      }
      return kernel || loopsFor(new Float32Array(buffer));
    },
  };
}

function kernelFor(size) {
  if (KERNEL === "" || typeof WebAssembly === "undefined") return null;
  const bytes = fromBase64(KERNEL);
  if (!WebAssembly.validate(bytes)) return null;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 16384) });
  const imports = { page: { memory } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return {
    simd: true,
    buffer: memory.buffer,
    multiply(a, aStride, b, c, cStride, rows, inputs, panels) {
      const strides = [4 * aStride, 4 * cStride];
      exports.multiply(4 * a, strides[0], 4 * b, 4 * c, strides[1], rows, inputs, panels);
    },
    stamp(from, to, pixels, lines, run, row, shift, stride) {
      const sizes = [4 * run, 4 * row, 4 * shift, 4 * stride];
      exports.stamp(4 * from, 4 * to, pixels, lines, ...sizes);
    },
  };
}

const loopsFor = (f) => ({
  simd: false,

  multiply(a, aStride, b, c, cStride, rows, inputs, panels) {
    for (let panel = 0; panel < panels; panel++) {
      const from = b + 8 * panel * inputs;
      for (let row = 0; row < rows; row++) {
        const to = c + row * cStride + 8 * panel;
        let w = from;
        let s0 = f[to];
        let s1 = f[to + 1];
        let s2 = f[to + 2];
        let s3 = f[to + 3];
        let s4 = f[to + 4];
        let s5 = f[to + 5];
        let s6 = f[to + 6];
        let s7 = f[to + 7];
        for (let at = a + row * aStride, end = at + inputs; at < end; at++, w += 8) {
          const x = f[at];
          s0 += x * f[w];
          s1 += x * f[w + 1];
          s2 += x * f[w + 2];
          s3 += x * f[w + 3];
          s4 += x * f[w + 4];
          s5 += x * f[w + 5];
          s6 += x * f[w + 6];
          s7 += x * f[w + 7];
        }
        f[to] = s0;
        f[to + 1] = s1;
        f[to + 2] = s2;
        f[to + 3] = s3;
        f[to + 4] = s4;
        f[to + 5] = s5;
        f[to + 6] = s6;
        f[to + 7] = s7;
      }
    }
  },

  stamp(from, to, pixels, lines, run, row, shift, stride) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let line = 0; line < lines; line++) {
        const x = from + pixel * stride + line * run;
        const y = to + pixel * shift + line * row;
        for (let n = 0; n < run; n++) f[y + n] += f[x + n];
      }
    }
  },
});

const panelsOf = (columns) => Math.ceil(columns / 8);

// A matrix [inputs, outputs] in panels of 8 columns, each row after row: both forms of
// `multiply` read it from its first number to its last.
function planMatrix(plan, inputs, outputs) {
  return { inputs, outputs, part: plan.floats(8 * inputs * panelsOf(outputs)) };
}

// Fill in the values [inputs, columns] from column `first` on.
function fillMatrix(matrix, values, columns = matrix.outputs, first = 0) {
  const { inputs, part } = matrix;
  for (let n = 0; n < columns; n++) {
    const to = first + n;
    const start = (to >> 3) * 8 * inputs + (to & 7);
    for (let i = 0; i < inputs; i++) part.data[start + 8 * i] = values[i * columns + n];
  }
}

// A dense layer: y = x W + b, of one row.
function planDense(plan, inputs, outputs) {
  const matrix = planMatrix(plan, inputs, outputs);
  const y = plan.floats(8 * panelsOf(outputs));
  const bias = new Float32Array(y.length);
  return {
    matrix,
    bias,
    y,
    // x is a part of the memory; the result is y.data.
    apply(operations, x) {
      y.data.set(bias);
      operations.multiply(x.at, 0, matrix.part.at, y.at, 0, 1, inputs, panelsOf(outputs));
      return y.data;
    },
  };
}

// An image [side, side, channels]; the kernel may write a few numbers past its end.
function planImage(plan, side, channels) {
  return { side, channels, part: plan.floats(side * side * channels + 8) };
}

function fillImage(image, bias) {
  const { data } = image.part;
  data.set(bias);
  for (let done = bias.length; done < data.length; done *= 2) data.copyWithin(done, 0, done);
}

function rectify(image) {
  const { data } = image.part;
  for (let n = 0; n < data.length; n++) if (data[n] < 0) data[n] = 0;
}

// A convolution of stride 2; n pixels become (n - k) / 2 + 1. A row of the kernel
// [k, inputs, outputs] and the pixels under it are both runs of k * inputs numbers.
function planConvolution(plan, from, kernel, outputs) {
  const side = Math.floor((from.side - kernel) / 2) + 1;
  const run = kernel * from.channels;
  const rows = Array.from({ length: kernel }, () => planMatrix(plan, run, outputs));
  const width = 8 * panelsOf(outputs);
  const line = plan.floats(side * width);
  const to = planImage(plan, side, outputs);
  const bias = new Float32Array(width);
  return {
    to,
    bias,
    // kernel [k, k, inputs, outputs] and bias [outputs].
    fill(values, bias) {
      const size = run * outputs;
      rows.forEach((row, ky) => fillMatrix(row, values.subarray(ky * size, (ky + 1) * size)));
      this.bias.set(bias);
    },
    apply({ multiply }) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) line.data.set(bias, x * width);
        rows.forEach((row, ky) => {
          const a = from.part.at + (2 * y + ky) * from.side * from.channels;
          const step = 2 * from.channels;
          multiply(a, step, row.part.at, line.at, width, side, run, width / 8);
        });
        for (let x = 0; x < side; x++) {
          const start = (y * side + x) * outputs;
          for (let o = 0; o < outputs; o++) {
            to.part.data[start + o] = Math.max(line.data[x * width + o], 0);
          }
        }
      }
    },
  };
}

// A transposed convolution of stride 2; n pixels become 2 n + k - 2. Each pixel adds a
// stamp of k x k pixels to the image, its numbers times the matrix.
function planTransposed(plan, from, kernel, outputs) {
  const used = kernel * outputs; // numbers of a stamp in one row of the image
  const run = (used + 3) & ~3; // and with the zeros that fill it up
  const matrix = planMatrix(plan, from.channels, kernel * run);
  const width = 8 * panelsOf(kernel * run);
  const stamps = plan.floats(from.side * width);
  const side = 2 * from.side + kernel - 2;
  const to = planImage(plan, side, outputs);
  return {
    to,
    bias: new Float32Array(outputs),
    // stamp [inputs, k, k, outputs] and bias [outputs].
    fill(values, bias) {
      const padded = new Float32Array(from.channels * kernel * run);
      for (let n = 0; n < from.channels * kernel; n++) {
        padded.set(values.subarray(n * used, (n + 1) * used), n * run);
      }
      fillMatrix(matrix, padded);
      this.bias.set(bias);
    },
    apply({ multiply, stamp }) {
      const inputs = from.channels;
      const row = side * outputs;
      fillImage(to, this.bias);
      for (let y = 0; y < from.side; y++) {
        stamps.data.fill(0);
        const a = from.part.at + y * from.side * inputs;
        multiply(a, inputs, matrix.part.at, stamps.at, width, from.side, inputs, width / 8);
        const start = to.part.at + 2 * y * row;
        stamp(stamps.at, start, from.side, kernel, run, row, 2 * outputs, width);
      }
    },
  };
}

function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < bytes.length; n++) bytes[n] = binary.charCodeAt(n);
  return bytes;
}

// Half precision, two bytes a number with the lower first, as float32.
function fromHalf(bytes) {
  const values = new Float32Array(bytes.length / 2);
  for (let n = 0; n < values.length; n++) {
    const half = bytes[2 * n] | (bytes[2 * n + 1] << 8);
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const size =
      exponent === 0
        ? fraction / 16777216
        : (1 + fraction / 1024) * POWERS_OF_2[exponent - 15 + 1023];
    values[n] = half & 32768 ? -size : size;
  }
  return values;
}
