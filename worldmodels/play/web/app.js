// A placeholder: the dream of seed 0 with the agent at the wheel.
const header = JSON.parse(document.getElementById("agent").textContent);
const world = openWorld(header, fromBase64(document.getElementById("numbers").textContent));
const canvas = document.getElementById("dream");
const { frame, latent, action } = world.sizes;
canvas.width = canvas.height = frame;
const image = new ImageData(frame, frame);
const z = new Float32Array(latent);
const a = new Float32Array(action);
const r = random(0);
r.at(0);
world.start(r, z);
const memory = world.begin();
const prediction = world.prediction();
let step = 0;
function advance() {
  world.decode(z, image.data);
  canvas.getContext("2d").putImageData(image, 0, 0);
  world.act(z, memory, a);
  world.predict(memory, z, a, prediction);
  r.at(++step);
  world.draw(prediction, 1, r, z);
  requestAnimationFrame(advance);
}
advance();
