"""What the channels of a convolutional network answer to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit.errors import NotApplicable
from audit.explain.gradients import network_of
from audit.explain.visualization import Visualization, visualize
from audit.gather._explained import draw_explained

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = 500, channels: int = 12, images: int = 4) -> Visualization:
    """Read off filters, maximize channels, and find the test images that drive them most.

    Parameters
    ----------
    context : Context
    rows : int
        Test images to search.
    channels : int
        Channels of the last convolution that are shown.
    images : int
        Test images for each channel.

    Raises
    ------
    NotApplicable
        If the model is not a convolutional network of images.
    """
    model, dataset = context.require_model(), context.dataset
    network = network_of(model.predictor, task=dataset.task, column=1)
    if network is None or len(network.shape) != 3:
        raise NotApplicable("for convolutional networks that read images; this model is of another kind")
    what = draw_explained(context, rows=rows, background=1)
    seed = int(context.generator("feature visualization").integers(2**31))
    visualization = visualize(
        network,
        what.X,
        most=max(channels, 1),
        images=max(images, 1),
        seed=seed,
        tick=lambda done, total: context.progress("maximizing channels", done, total),
    )
    if visualization is None:
        raise NotApplicable("for networks with two-dimensional convolutions; this one has none")
    return replace(visualization, notes=(f"{len(what.X)} test images were searched",))
