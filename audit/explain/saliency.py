"""Where in an image a convolutional network looks: HiResCAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray
from audit.explain.gradients import Network

if TYPE_CHECKING:
    import torch


def convolutions(module: torch.nn.Module) -> list[torch.nn.Module]:
    """List the two-dimensional convolutions, from input to output."""
    import torch

    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)]


def hires_cam(network: Network, rows: FloatArray) -> FloatArray | None:
    """Multiply what the last convolution finds by the gradient of the output, place by place, over all channels.

    The sign is kept: a class that the layers after it only lower has a map, too, which Grad-CAM leaves blank. Where
    one dense layer reads the convolution, the map adds up to the output except for the constant.

    Parameters
    ----------
    network : Network
        Of images: ``network.shape`` is (channels, height, width).
    rows : ndarray of shape (n, features)

    Returns
    -------
    ndarray of shape (n, height, width) or None
        Enlarged to the image; ``None`` for a network without convolutions.

    References
    ----------
    Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks.
    """
    import torch

    layers = convolutions(network.module)
    if not layers or len(network.shape) != 3:
        return None
    kept: list[torch.Tensor] = []

    def keep(_: torch.nn.Module, __: object, answer: torch.Tensor) -> None:
        answer.retain_grad()
        kept.append(answer)

    handle = layers[-1].register_forward_hook(keep)
    try:
        with torch.enable_grad():
            inputs = network.prepare(rows).requires_grad_()
            network.output(inputs).sum().backward()  # type: ignore[no-untyped-call]
    finally:
        handle.remove()
        network.module.zero_grad(set_to_none=True)
    answer = kept[0]
    assert answer.grad is not None  # noqa: S101 -- retain_grad was asked for
    small = (answer.grad * answer).sum(dim=1, keepdim=True).detach()
    large = torch.nn.functional.interpolate(small, size=network.shape[1:], mode="bilinear", align_corners=False)
    return np.asarray(large[:, 0].cpu().numpy(), dtype=np.float64)


def occlusion(score_patches: FloatArray, output: float, numbers: npt.NDArray[np.int64]) -> FloatArray:
    """Return what each patch adds: the output less the output without the patch, laid over the image.

    Parameters
    ----------
    score_patches : ndarray of shape (patches,)
        Output with each patch replaced.
    output : float
    numbers : ndarray of shape (height, width)
        Number of the patch at each place.

    References
    ----------
    Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks.

    Examples
    --------
    >>> occlusion(np.array([1.0, 3.0]), 4.0, np.array([[0, 1]])).tolist()
    [[3.0, 1.0]]
    """
    return np.asarray((output - score_patches)[numbers])
