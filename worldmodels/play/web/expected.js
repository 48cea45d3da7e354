// What M expects: the most likely next picture, one latent's mixture, and its other heads.

class Expected {
  constructor(world, dream, changed) {
    this.world = world;
    this.dream = dream;
    this.changed = changed; // called when something else is to be shown
    this.drawn = new Picture(byId("drawn"), world.sizes.frame);
    this.likely = new Picture(byId("likely"), world.sizes.frame);
    const select = byId("latent");
    for (const { index } of world.latents) select.add(new Option(`z${index}`, index));
    this.latent = world.latents[0].index; // whose mixture is shown
    select.addEventListener("change", () => {
      this.latent = Number(select.value);
      this.lookAnew();
    });
    this.lookAnew();
  }

  // Forget where the chart's axes were.
  lookAnew() {
    this.low = 0;
    this.high = null;
    this.top = 0;
    this.changed();
  }

  // Draw what was expected of the picture that the dream has now drawn.
  draw(picture) {
    const { world, dream, likely } = this;
    this.drawn.context.drawImage(picture, 0, 0);
    if (dream.step) {
      world.likeliest(dream.prediction, dream.likeliest);
      likely.decode(world, dream.likeliest);
    } else likely.clear();
    this.drawBells();
  }

  drawBells() {
    const { world, dream, latent } = this;
    const bells = dream.step ? this.tempered() : [];
    const value = dream.z[latent];
    this.glide(bells, value);
    const canvas = byId("mixture");
    this.top = drawMixture(canvas, bells, value, this.low, this.high, this.top);
    canvas.setAttribute("aria-label",
      `${world.sizes.mixtures} bell curves for z${latent}; drawn: ${value.toFixed(2)}`);
  }

  // Return the latent's bells as they are drawn from at the temperature that is set.
  tempered() {
    const bells = this.world.gaussians(this.dream.prediction, this.latent);
    const tau = Math.max(this.dream.temperature, 1e-3);
    const best = Math.max(...bells.map(({ weight }) => weight));
    const weights = bells.map(({ weight }) => (weight / best) ** (1 / tau));
    const sum = weights.reduce((x, y) => x + y, 0);
    return bells.map(({ mean, std }, k) => (
      { weight: weights[k] / sum, mean, std: std * Math.sqrt(tau) }));
  }

  // Let the chart's axis glide to where the bells are.
  glide(bells, value) {
    const ends = bells.filter(({ weight }) => weight > 0.02).flatMap(({ mean, std }) =>
      [mean - 4 * std, mean + 4 * std]);
    const low = Math.min(...ends, value - 0.1);
    const high = Math.max(...ends, value + 0.1);
    const wide = Math.max(high - low, 0.8);
    const aim = [(low + high - wide) / 2, (low + high + wide) / 2];
    const share = this.high === null ? 1 : 0.12;
    this.low = Math.min(low, this.low + share * (aim[0] - this.low));
    this.high = Math.max(high, this.high + share * (aim[1] - this.high));
  }

  // Draw the last ten seconds of the probability of death, or of the reward.
  drawOutcome() {
    const { death, reward } = this.world.header.memory;
    if (!death && !reward) return;
    const room = 10 * this.world.header.game.frames_per_second;
    const { lately, total } = this.dream;
    const last = lately.length ? lately[lately.length - 1] : 0;
    const shown = lately.slice(-room);
    const line = byId("outcome-line");
    if (death) {
      const percent = 100 * last;
      byId("outcome-value").textContent = `${percent.toFixed(percent < 10 ? 2 : 0)} %`;
      drawLately(line, lately, 0, Math.max(0.02, ...shown), room);
    } else {
      byId("outcome-value").textContent = `${signed(last)} now, ${signed(total, 0)} in all`;
      drawLately(line, lately, Math.min(-0.5, ...shown), Math.max(1, ...shown), room);
    }
  }
}
