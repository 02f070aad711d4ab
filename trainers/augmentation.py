"""Small random changes while training: of images, and rows mixed with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor  # noqa: TID253
from torch.nn import functional  # noqa: TID253


def augment(inputs: Tensor, changes: Sequence[tuple[str, float]], generator: torch.Generator) -> Tensor:
    """Change a batch of images at random, each row by itself.

    Parameters
    ----------
    inputs : Tensor of shape (rows, channels, height, width)
    changes : sequence of (name, amount)
        ``shift``: most pixels up, down, left and right (the edge is repeated); ``flip``: probability of a mirror image;
        ``rotate``: most degrees to either side; ``crop``: most of the side that is cut off, the rest being enlarged;
        ``noise``: standard deviation of what is added, in units of the standardized input. ``noise`` also works on
        other shapes.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of the same shape

    Examples
    --------
    >>> images = torch.arange(4.0).view(1, 1, 2, 2)
    >>> augment(images, [("flip", 1.0)], torch.Generator().manual_seed(0))
    tensor([[[[1., 0.],
              [3., 2.]]]])
    """
    for name, amount in changes:
        if name == "shift" and amount:
            inputs = _shift(inputs, int(amount), generator)
        elif name == "flip" and amount:
            chosen = torch.rand(len(inputs), generator=generator).to(inputs.device) < amount
            inputs = torch.where(chosen.view(-1, 1, 1, 1), inputs.flip(-1), inputs)
        elif name == "rotate" and amount:
            inputs = _resample(inputs, math.radians(amount), 0.0, generator)
        elif name == "crop" and amount:
            inputs = _resample(inputs, 0.0, amount, generator)
        elif name == "noise" and amount:
            noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
            inputs = inputs + amount * noise
    return inputs


def _resample(images: Tensor, turn: float, cut: float, generator: torch.Generator) -> Tensor:
    """Turn each image by up to `turn` to either side, or enlarge a part of it; the edge is repeated."""
    rows, _, height, width = images.shape
    drawn = torch.rand(4, rows, generator=generator)
    angle, size = turn * (2 * drawn[0] - 1), 1 - cut * drawn[1]
    place = (1 - size)[:, None] * (2 * drawn[2:].T - 1)
    cosine, sine = size * torch.cos(angle), size * torch.sin(angle)
    across = torch.stack([cosine, -sine * height / width, place[:, 0]], dim=1)
    down = torch.stack([sine * width / height, cosine, place[:, 1]], dim=1)
    matrix = torch.stack([across, down], dim=1).to(images.device, images.dtype)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def mix_rows(
    inputs: Tensor, targets: Tensor, amount: float, classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mix each row with another one, inputs and targets alike, by one share drawn for the batch.

    Parameters
    ----------
    inputs, targets : Tensor
    amount : float
        Both numbers of the beta distribution that the share is drawn from.
    classes : int
        Of class codes, which become shares; 0 for targets that are numbers.
    generator : torch.Generator

    References
    ----------
    Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization.

    Examples
    --------
    >>> rows, shares = torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, 1.0])
    >>> made, also = mix_rows(rows, shares, 1.0, 0, torch.Generator().manual_seed(0))
    >>> torch.equal(made[:, 0], also)
    True
    """
    drawn = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    share = float(drawn.beta(amount, amount))
    order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
    if classes:
        targets = functional.one_hot(targets, classes).to(inputs.dtype)
    return torch.lerp(inputs[order], inputs, share), torch.lerp(targets[order], targets, share)


def _shift(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    rows, channels, height, width = images.shape
    padded = functional.pad(images, (most, most, most, most), mode="replicate")
    moves = torch.randint(0, 2 * most + 1, (2, rows, 1), generator=generator).to(images.device)
    down = (torch.arange(height, device=images.device) + moves[0]).view(rows, 1, height, 1)
    right = (torch.arange(width, device=images.device) + moves[1]).view(rows, 1, 1, width)
    padded = padded.gather(2, down.expand(rows, channels, height, padded.shape[3]))
    return padded.gather(3, right.expand(rows, channels, height, width))
