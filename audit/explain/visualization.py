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

STEPS = 96
RATE = 0.05
PENALTY = 0.2


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


def mean_activations(network: Network, inputs: torch.Tensor, layer: torch.nn.Module) -> torch.Tensor:
    """Return the mean rectified activation of each channel of a layer, shape (n, channels), differentiable."""
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, answer: kept.append(answer))
    try:
        network.module(inputs)
    finally:
        handle.remove()
    return kept[0].clamp(min=0).mean(dim=(2, 3))


def maximize(
    network: Network, layer: torch.nn.Module, channels: tuple[int, ...], *, seed: int, tick: Tick = no_tick
) -> tuple[FloatArray, FloatArray]:
    """Climb from faint noise to inputs that drive each channel most.

    The inputs are kept small and smooth by penalties on their size and on neighboring differences.

    Parameters
    ----------
    network : Network
    layer : torch.nn.Module
        A two-dimensional convolution.
    channels : tuple of int
    seed : int

    Returns
    -------
    tuple of ndarray
        Standardized inputs of shape (channels, image channels, height, width), and their activations.

    References
    ----------
    Erhan et al. 2009; Olah, Mordvintsev and Schubert 2017, Feature Visualization.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    first = next(network.module.parameters())
    start = 0.1 * torch.randn(len(channels), *network.shape, generator=generator)
    inputs = start.to(dtype=first.dtype, device=first.device).requires_grad_()
    optimizer = torch.optim.Adam([inputs], lr=RATE)
    wanted = torch.tensor(channels, device=first.device)
    for step in range(STEPS):
        tick(step, STEPS)
        optimizer.zero_grad()
        own = mean_activations(network, inputs, layer).gather(1, wanted[:, None]).sum()
        rough = inputs.diff(dim=2).abs().mean() + inputs.diff(dim=3).abs().mean()
        size = (inputs**2).mean()
        (PENALTY * len(channels) * (rough + size) - own).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    tick(STEPS, STEPS)
    with torch.no_grad():
        reached = mean_activations(network, inputs, layer).gather(1, wanted[:, None])[:, 0]
    return _array(inputs), _array(reached)


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
    maximized, reached = maximize(network, layers[-1], channels, seed=seed, tick=tick)
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
