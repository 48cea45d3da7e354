// V: its encoder, and its decoder as Python has folded it.

function planEncoder(plan, vision) {
  const frame = planImage(plan, vision.size, 3);
  const layers = [];
  let image = frame;
  for (const outputs of vision.channels) {
    layers.push(planConvolution(plan, image, 4, outputs));
    image = layers[layers.length - 1].to;
  }
  const seen = image.side * image.side * image.channels;
  const heads = planDense(plan, seen, 2 * vision.latent);
  const mean = new Float32Array(vision.latent);
  const logvar = new Float32Array(vision.latent);
  return {
    fill(arrays) {
      layers.forEach((layer, n) => {
        layer.fill(arrays(`conv_${n}/kernel`), arrays(`conv_${n}/bias`));
      });
      ["mu", "logvar"].forEach((name, n) => {
        const first = n * vision.latent;
        fillMatrix(heads.matrix, arrays(`${name}/kernel`), vision.latent, first);
        heads.bias.set(arrays(`${name}/bias`), first);
      });
    },
    apply(operations, pixels) {
      const { data } = frame.part;
      const count = vision.size * vision.size;
      const step = pixels.length / count;
      for (let n = 0; n < count; n++) {
        for (let o = 0; o < 3; o++) data[3 * n + o] = pixels[step * n + o] / 255;
      }
      layers.forEach((layer) => layer.apply(operations));
      const y = heads.apply(operations, image.part);
      mean.set(y.subarray(0, vision.latent));
      logvar.set(y.subarray(vision.latent, 2 * vision.latent));
      return { mean, logvar };
    },
  };
}

// V's decoder, whose first two layers Python has folded into one linear map.
function planDecoder(plan, vision) {
  const channels = [...vision.decoder_channels, 3];
  const side = 2 * ((vision.size - 48) / 16) + 3;
  const code = plan.floats(vision.latent);
  const first = planDense(plan, vision.latent, side * side * channels[0]);
  const layers = [];
  let image = { side, channels: channels[0], part: first.y };
  const images = [image];
  [5, 6, 6].forEach((kernel, n) => {
    layers.push(planTransposed(plan, image, kernel, channels[n + 1]));
    image = layers[n].to;
    images.push(image);
  });
  const count = vision.size * vision.size;
  const picture = new Float32Array(3 * count);
  return {
    fill(arrays) {
      fillMatrix(first.matrix, arrays("folded/kernel"));
      first.bias.set(arrays("folded/bias"));
      layers.forEach((layer, n) => {
        layer.fill(arrays(`deconv_${n + 1}/kernel`), arrays(`deconv_${n + 1}/bias`));
      });
    },
    apply(operations, z, rgba) {
      code.data.set(z);
      first.apply(operations, code);
      layers.forEach((layer, n) => {
        rectify(images[n]);
        layer.apply(operations);
      });
      const { data } = image.part;
      for (let n = 0; n < picture.length; n++) picture[n] = sigmoid(data[n]);
      if (rgba) {
        for (let n = 0; n < count; n++) {
          for (let o = 0; o < 3; o++) rgba[4 * n + o] = 255 * picture[3 * n + o];
          rgba[4 * n + 3] = 255;
        }
      }
      return picture;
    },
  };
}
