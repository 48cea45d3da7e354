// kernel.wat, assembled, in base64; without it the loops of layers.js serve.
const KERNEL = "";
