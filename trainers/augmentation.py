"""Small random changes of images while training: shift, flip, noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor  # noqa: TID253
from torch.nn import functional  # noqa: TID253


def augmented(inputs: Tensor, changes: Sequence[tuple[str, float]], generator: torch.Generator) -> Tensor:
    """Change a batch of images at random, each row by itself.

    Parameters
    ----------
    inputs : Tensor of shape (rows, channels, height, width)
    changes : sequence of (name, amount)
        ``shift``: most pixels up, down, left and right (the edge is repeated); ``flip``: probability of a mirror image;
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
    >>> augmented(images, [("flip", 1.0)], torch.Generator().manual_seed(0))
    tensor([[[[1., 0.],
              [3., 2.]]]])
    """
    for name, amount in changes:
        if name == "shift" and amount:
            inputs = _shifted(inputs, int(amount), generator)
        elif name == "flip" and amount:
            chosen = torch.rand(len(inputs), generator=generator).to(inputs.device) < amount
            inputs = torch.where(chosen.view(-1, 1, 1, 1), inputs.flip(-1), inputs)
        elif name == "noise" and amount:
            noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
            inputs = inputs + amount * noise
    return inputs


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    rows, channels, height, width = images.shape
    padded = functional.pad(images, (most, most, most, most), mode="replicate")
    moves = torch.randint(0, 2 * most + 1, (2, rows, 1), generator=generator).to(images.device)
    down = (torch.arange(height, device=images.device) + moves[0]).view(rows, 1, height, 1)
    right = (torch.arange(width, device=images.device) + moves[1]).view(rows, 1, 1, width)
    padded = padded.gather(2, down.expand(rows, channels, height, padded.shape[3]))
    return padded.gather(3, right.expand(rows, channels, height, width))
