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

  // Draw what M's heads said in the last ten seconds.
  drawOutcomes() {
    const { memory, game } = this.world.header;
    const room = 10 * game.frames_per_second;
    const { lately, total } = this.dream;
    if (memory.death) {
      const percent = 100 * (lately.death[lately.death.length - 1] ?? 0);
      byId("death-value").textContent = `${percent.toFixed(percent < 10 ? 2 : 0)} %`;
      drawLately(byId("death-line"), lately.death.slice(-room), 0, 0.02, room);
    }
    if (memory.reward) {
      const now = lately.reward[lately.reward.length - 1] ?? 0;
      byId("reward-value").textContent = `${signed(now)} now, ${signed(total, 0)} in all`;
      drawLately(byId("reward-line"), lately.reward.slice(-room), -0.5, 1, room);
    }
  }
}
