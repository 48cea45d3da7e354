"""The VAE of `worldmodels.vision` in PyTorch, for benchmarks/vision.py."""

import os
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import relu

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


class VAE(nn.Module):
    def __init__(
        self,
        latent_size: int,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        decoder_channels: tuple[int, ...] = (128, 64, 32),
    ):
        super().__init__()
        widths = (3, *channels)
        self.encoder = nn.ModuleList(nn.Conv2d(i, o, 4, 2) for i, o in pairwise(widths))
        flat = 4 * channels[-1]
        self.mu, self.logvar = (nn.Linear(flat, latent_size) for _ in range(2))
        self.dense = nn.Linear(latent_size, 1024)
        widths, kernels = (1024, *decoder_channels, 3), (5, 5, 6, 6)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(i, o, k, 2)
            for (i, o), k in zip(pairwise(widths), kernels, strict=True)
        )

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for layer in self.encoder:
            x = relu(layer(x))
        x = x.flatten(1)
        return self.mu(x), self.logvar(x)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        first, *rest = self.decoder
        x = first(self.dense(z)[:, :, None, None])
        for layer in rest:
            x = layer(relu(x))
        return torch.sigmoid(x)


def use_all_cores() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def to_unit(frames: np.ndarray, memory_format: str) -> torch.Tensor:
    x = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=FORMATS[memory_format]).float() / 255


def training(
    batches: np.ndarray,
    model: VAE,
    learning_rate: float,
    kl_tolerance: float,
    memory_format: str,
    mixed: bool,
) -> Callable[[], object]:
    """Return a call that makes an update with each of uint8 [S, B, 64, 64, 3].

    `mixed`: in PyTorch's automatic mixed precision, with bfloat16.
    """
    model = model.to(memory_format=FORMATS[memory_format])
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, fused=True)

    def update(frames):
        x = to_unit(frames, memory_format)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            mu, logvar = (head.float() for head in model.encode(x))
            z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
            images = model.decode(z)
        recon = ((x - images) ** 2).sum((1, 2, 3)).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
        loss = recon + kl.clamp(min=kl_tolerance * mu.shape[1]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return lambda: [update(frames) for frames in batches]


def encoding(
    frames: np.ndarray, latent_size: int, memory_format: str
) -> Callable[[], object]:
    """Return a call that encodes uint8 [B, 64, 64, 3]."""
    model = VAE(latent_size).to(memory_format=FORMATS[memory_format])

    def run():
        with torch.inference_mode():
            return model.encode(to_unit(frames, memory_format))

    return run
