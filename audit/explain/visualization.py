"""What the channels of a convolutional network answer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit.explain.encoding import FloatArray, Tick, no_tick
from audit.explain.gradients import Network
from audit.explain.saliency import convolutions

if TYPE_CHECKING:
    import torch

STEPS = 100
RATE = 0.05
FAINT = 0.01
"""Size of the waves at the beginning."""
ROUGH = 6.0
"""Penalty on squared differences of neighbors, beside the activation relative to itself."""
BRIGHT = 8.0
"""Penalty on the squared difference of the mean brightness from that of real pictures."""
TURN, RESIZE, JITTER = 0.15, 0.08, 0.15
"""Largest turn in radians, change of size, and shift as a share of half the picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visualization:
    """Filters of the first layer, and what the last layer's channels answer to most."""

    filters: FloatArray
    """Shape (filters, channels, height, width)."""
    channels: tuple[int, ...]
    """Channels of the last convolution that are shown."""
    maximized: FloatArray
    """Inputs that drive each channel most, standardized, shape (channels shown, channels, height, width)."""
    reached: FloatArray
    """Mean activation of each channel on its maximized input."""
    strongest: FloatArray
    """Test images with the largest mean activation, shape (channels shown, images, channels, height, width)."""
    activation: FloatArray
    """Their mean activations, shape (channels shown, images)."""
    silent: int
    """Channels of the last convolution that answer to no image of the sample."""
    total: int
    notes: tuple[str, ...] = ()


def mean_activations(
    network: Network, inputs: torch.Tensor, layer: torch.nn.Module, *, rectified: bool = True
) -> torch.Tensor:
    """Return the mean activation of each channel of a layer, shape (n, channels), differentiable."""
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, answer: kept.append(answer))
    try:
        network.module(inputs)
    finally:
        handle.remove()
    return (kept[0].clamp(min=0) if rectified else kept[0]).mean(dim=(2, 3))


def maximize(
    network: Network,
    layer: torch.nn.Module,
    channels: tuple[int, ...],
    *,
    seed: int,
    low: float = -1.0,
    high: float = 1.0,
    usual: float = 0.5,
    tick: Tick = no_tick,
) -> tuple[FloatArray, FloatArray]:
    """Climb from faint noise to inputs that drive each channel most, wherever in the picture they stand.

    A picture is the sum of waves whose steps are the smaller the finer they are, which keeps checkerboards from
    growing; it stays within the range of real pixels, and is shifted, turned and resized a little before each
    step, so that only what the channel finds at any such place remains.

    Parameters
    ----------
    network : Network
    layer : torch.nn.Module
        A two-dimensional convolution.
    channels : tuple of int
    seed : int
    low, high : float
        Range of the pixels, standardized.
    usual : float
        Mean brightness of real pictures within that range, from 0 to 1.

    Returns
    -------
    tuple of ndarray
        Standardized inputs of shape (channels, image channels, height, width), and their activations.

    References
    ----------
    Erhan et al. 2009; Olah, Mordvintsev and Schubert 2017, Feature Visualization (decorrelated pictures,
    robustness to transformations).
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    first = next(network.module.parameters())
    depth, height, width = network.shape
    waves = FAINT * torch.randn(len(channels), depth, height, width // 2 + 1, 2, generator=generator)
    waves = waves.to(dtype=first.dtype, device=first.device).requires_grad_()
    damped = _damping(height, width).to(dtype=first.dtype, device=first.device)
    optimizer = torch.optim.Adam([waves], lr=RATE)
    wanted = torch.tensor(channels, device=first.device)[:, None]

    def pictures() -> torch.Tensor:
        flat = torch.fft.irfft2(torch.view_as_complex(waves) * damped, s=(height, width), norm="ortho")
        return low + (high - low) * torch.sigmoid(flat)

    for step in range(STEPS):
        tick(step, STEPS)
        optimizer.zero_grad()
        tensor = pictures()
        moved = _move(tensor, generator)
        own = mean_activations(network, moved, layer, rectified=False).gather(1, wanted)[:, 0]
        unit = (tensor - low) / (high - low)
        rough = (unit.diff(dim=2) ** 2).mean(dim=(1, 2, 3)) + (unit.diff(dim=3) ** 2).mean(dim=(1, 2, 3))
        strength = own.detach().abs().clamp(min=own.detach().abs().mean() / 10)
        bright = (unit.mean(dim=(1, 2, 3)) - usual) ** 2
        (ROUGH * rough + BRIGHT * bright - own / strength).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    tick(STEPS, STEPS)
    with torch.no_grad():
        tensor = pictures()
        reached = mean_activations(network, tensor, layer).gather(1, wanted)[:, 0]
    return _array(tensor), _array(reached)


def _damping(height: int, width: int) -> torch.Tensor:
    """Return the scale of each wave: one over its frequency, as in natural images."""
    import torch

    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    return 1 / torch.sqrt(down**2 + across**2).clamp(min=1 / max(height, width))


def _move(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift, turn and resize pictures a little, each by itself."""
    import torch

    count = len(pictures)
    drawn = 2 * torch.rand(4, count, generator=generator) - 1
    angle, size = TURN * drawn[0], 1 + RESIZE * drawn[1]
    shift = JITTER * drawn[2:].T[:, :, None]
    sine, cosine = size * torch.sin(angle), size * torch.cos(angle)
    turned = torch.stack([torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1)
    matrix = torch.cat([turned, shift], dim=2).to(dtype=pictures.dtype, device=pictures.device)
    grid = torch.nn.functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _array(values: torch.Tensor) -> FloatArray:
    return np.asarray(values.detach().cpu().numpy(), dtype=np.float64)


def visualize(
    network: Network, rows: FloatArray, *, most: int = 12, images: int = 4, seed: int = 0, tick: Tick = no_tick
) -> Visualization | None:
    """Look at the first and the last convolution of a network.

    Parameters
    ----------
    network : Network
        Of images.
    rows : ndarray of shape (n, features)
        Test images, flattened.
    most : int
        Channels shown: those that answer most over the rows.
    images : int
        Test images for each channel.
    seed : int

    Returns
    -------
    Visualization or None
        ``None`` for a network without two-dimensional convolutions.
    """
    import torch

    layers = convolutions(network.module)
    if not layers or len(network.shape) != 3:
        return None
    with torch.no_grad():
        blocks = [
            mean_activations(network, network.prepare(rows[start : start + 256]), layers[-1])
            for start in range(0, len(rows), 256)
        ]
        weights = _array(layers[0].get_parameter("weight"))
    answers = _array(torch.cat(blocks))
    order = np.argsort(-answers.mean(axis=0), kind="stable")[:most]
    channels = tuple(int(place) for place in order)
    shown = network.prepare(rows)
    low, high = float(shown.min()), float(shown.max())
    usual = (float(shown.mean()) - low) / (high - low) if high > low else 0.5
    maximized, reached = maximize(network, layers[-1], channels, seed=seed, low=low, high=high, usual=usual, tick=tick)
    best = np.argsort(-answers[:, order], axis=0, kind="stable")[:images].T
    return Visualization(
        filters=weights,
        channels=channels,
        maximized=maximized,
        reached=reached,
        strongest=rows[best].reshape(*best.shape, *network.shape),
        activation=np.take_along_axis(answers[:, order], best.T, axis=0).T,
        silent=int((answers.max(axis=0) <= 0).sum()),
        total=answers.shape[1],
    )
