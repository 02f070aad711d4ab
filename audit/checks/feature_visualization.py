"""What the channels of a convolutional network answer to."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.estimate.making import exact
from audit.explain.pixels import Pixels, gray, png, shrunk, strip
from audit.explain.visualization import Visualization
from reports.record import Exhibit, Image, Measurement, Table

MOST_FILTERS = 32
MADE, REAL = 84, 56
"""Pixels of a made input's and of a test image's longer side."""


@check(
    title="What the channels respond to",
    family="explanations",
    references=(
        "Erhan et al. 2009, Visualizing Higher-Layer Features of a Deep Network",
        "Olah, Mordvintsev and Schubert 2017, Feature Visualization",
        "Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks",
    ),
)
def feature_visualization(feature_visualization: Visualization, *, values: bool = True) -> Measurement:
    """Show first-layer filters, inputs that drive channels most, and the strongest real images.

    Reading. Filters of the first layer are the small patterns that it looks for. For channels of the last
    convolution, an input made to drive the channel most is shown, and the test images that drive it most. A
    channel that no image drives is silent and of no use.

    Limits. What a made input looks like depends on how it was made, and a channel may respond to several
    unlike things. Resemblance to something that people know is in the eye of the reader. Test images are
    shown unless the option `values` is false.
    """
    given = feature_visualization
    share = given.silent / given.total
    exhibits: list[Exhibit] = [_filters(given), _maximize(given)]
    if values:
        exhibits.append(_strongest(given))
    exhibits.append(_table(given))
    silent = exact(
        "silent_channels",
        share,
        {"split": "test"},
        n=given.total,
        unit="proportion",
        reason="counted on the images of the sample",
    )
    return Measurement(
        summary=f"{given.silent} of {given.total} channels of the last convolution respond to no image.",
        estimates=(silent,),
        exhibits=tuple(exhibits),
        notes=given.notes,
    )


def _picture(title: str, pixels: Pixels, alt: str, caption: str) -> Image:
    return Image(
        title=title, png_base64=png(pixels), width=pixels.shape[1], height=pixels.shape[0], alt=alt, caption=caption
    )


def _filters(given: Visualization) -> Image:
    shown = given.filters[:MOST_FILTERS]
    tiles = []
    for value in shown:
        top = float(np.abs(value).max()) or 1.0
        tiles.append(gray(value if len(value) in {1, 3} else value.mean(axis=0, keepdims=True), -top, top))
    pixels = strip(tiles, max(1, 32 // max(tiles[0].shape[:2])), columns=8)
    size = f"{shown.shape[2]} by {shown.shape[3]}"
    return _picture(
        "Filters of the first layer",
        pixels,
        f"{len(shown)} filters of {size} places.",
        f"{len(shown)} of {len(given.filters)} filters of {size} places; gray is zero, light adds, dark subtracts.",
    )


def _maximize(given: Visualization) -> Image:
    tiles = [gray(shrunk(value, MADE), float(value.min()), float(value.max())) for value in given.maximized]
    pixels = strip(tiles, max(1, MADE // max(tiles[0].shape[:2])), columns=6)
    names = ", ".join(str(channel) for channel in given.channels)
    return _picture(
        "Inputs made to drive channels of the last convolution",
        pixels,
        f"{len(tiles)} made inputs for the channels {names}.",
        f"In order of the channels {names}, six a row; each is scaled from its own darkest to lightest place.",
    )


def _strongest(given: Visualization) -> Image:
    low, high = float(given.strongest.min()), float(given.strongest.max())
    tiles = [gray(shrunk(value, REAL), low, high) for row in given.strongest for value in row]
    images = given.strongest.shape[1]
    pixels = strip(tiles, max(1, REAL // max(tiles[0].shape[:2])), columns=images)
    names = ", ".join(str(channel) for channel in given.channels)
    return _picture(
        "Test images that drive channels most",
        pixels,
        f"For each of the channels {names}, a row of {images} test images.",
        f"One row a channel, in the order {names}; strongest first.",
    )


def _table(given: Visualization) -> Table:
    rows = tuple(
        (channel, float(given.reached[place]), float(given.activation[place, 0]), float(given.activation[place].mean()))
        for place, channel in enumerate(given.channels)
    )
    return Table(
        title="Mean activation by channel",
        columns=("channel", "on its made input", "on the strongest image", "mean of those shown"),
        rows=rows,
        folded=True,
    )
