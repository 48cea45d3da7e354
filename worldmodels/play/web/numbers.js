// Numbers that are the same in every browser. JavaScript fixes + - * / and Math.sqrt to
// the last bit, but not Math.exp, Math.log and Math.cos. A dream multiplies any
// difference, so these are made here; their errors are below 1e-11.

const POWERS_OF_2 = Float64Array.from({ length: 2048 }, (_, n) => 2 ** (n - 1023));
const BITS = new Float64Array(1);
const WORDS = new Uint32Array(BITS.buffer); // the high half is the second everywhere

function exp(x) {
  if (!(x > -708)) return Number.isNaN(x) ? x : 0;
  if (x > 709) return Infinity;
  const k = Math.floor(x * 1.4426950408889634 + 0.5) | 0;
  const r = x - k * 6.93147180369123816e-1 - k * 1.90821492927058770e-10;
  const s = r * r;
  // The power series of e^r, |r| < 0.35, in pairs that wait for nothing.
  const pair2 = 1 / 2 + r * (1 / 6);
  const pair4 = 1 / 24 + r * (1 / 120);
  const pair6 = 1 / 720 + r * (1 / 5040);
  const pair8 = 1 / 40320 + r * (1 / 362880);
  const sum = 1 + r + s * (pair2 + s * (pair4 + s * (pair6 + s * pair8)));
  return sum * POWERS_OF_2[k + 1023];
}

// x is positive and no denormal number.
function log(x) {
  BITS[0] = x;
  let exponent = (WORDS[1] >>> 20) - 1023;
  WORDS[1] = (WORDS[1] & 0xfffff) | 0x3ff00000;
  let m = BITS[0];
  if (m > 1.4142135623730951) {
    m /= 2;
    exponent++;
  }
  const s = (m - 1) / (m + 1);
  let sum = 0; // 2 atanh(s) is log(m)
  for (let n = 17; n > 0; n -= 2) sum = sum * s * s + 1 / n;
  return exponent * 0.6931471805599453 + 2 * s * sum;
}

// The cosine of a turn's part u in [0, 1).
function cosine(u) {
  let x = u > 0.5 ? 1 - u : u; // of half a turn
  const sign = x > 0.25 ? -1 : 1;
  if (x > 0.25) x = 0.5 - x;
  x *= 6.283185307179586;
  let sum = 1; // the power series, x < 1.571
  for (let n = 18; n > 0; n -= 2) sum = 1 - (x * x * sum) / (n * (n - 1));
  return sign * sum;
}

const sigmoid = (x) => 1 / (1 + exp(-x));
const tanh = (x) => 1 - 2 / (exp(2 * x) + 1);
const softplus = (x) => Math.max(x, 0) + log(1 + exp(-Math.abs(x)));

const TURNS = [13, 15, 26, 6, 17, 29, 16, 24]; // Threefry's rotations

// Random numbers of a seed, a whole number from 0 to 2^53 - 1. They are counted, not
// remembered: at(step) goes to the first number of a step, whatever was drawn before.
// Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers").
function random(seed) {
  const k0 = seed >>> 0;
  const k1 = Math.floor(seed / 4294967296) >>> 0;
  const keys = [k0, k1, (k0 ^ k1 ^ 0x1bd11bda) >>> 0];
  let step = 0;
  let count = 0;
  let first = 0;
  let second = 0;

  function next() {
    first = (count++ + keys[0]) | 0;
    second = (step + keys[1]) | 0;
    for (let round = 0; round < 20; round++) {
      const turn = TURNS[round % 8];
      first = (first + second) | 0;
      second = ((second << turn) | (second >>> (32 - turn))) ^ first;
      if (round % 4 === 3) {
        const n = (round + 1) / 4;
        first = (first + keys[n % 3]) | 0;
        second = (second + keys[(n + 1) % 3] + n) | 0;
      }
    }
  }

  return {
    at(newStep) {
      step = newStep;
      count = 0;
    },
    // In [0, 1).
    uniform() {
      next();
      return (first >>> 8) / 16777216;
    },
    // Standard, by Box and Muller.
    normal() {
      next();
      const u = ((first >>> 0) + 0.5) / 4294967296;
      return Math.sqrt(-2 * log(u)) * cosine((second >>> 0) / 4294967296);
    },
  };
}
