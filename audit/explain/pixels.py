"""Images as arrays, maps over them, and both as PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]
PATCHES = 7
GAP = 2
ROOM, COLORS = 20_000, 64
"""Bytes beyond which an image is written in so many colors."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageCase:
    """An image with maps of what moves the model's output."""

    why: str
    row: int
    predicted: str
    actual: str
    image: FloatArray
    """Shape (channels, height, width)."""
    maps: Mapping[str, FloatArray]
    """By method, shape (height, width): what each place adds to the output."""
    base: float
    output: float
    residual: float | None
    """Of the integrated gradients: error of the sum over the output's distance from base."""
    fit: float
    """R² of LIME's local model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageExplanations:
    """Single images explained by several methods."""

    cases: tuple[ImageCase, ...]
    scale: str
    low: float
    high: float
    """Range of the pixels over the cases."""
    notes: tuple[str, ...] = ()


def patches(height: int, width: int, most: int = PATCHES) -> npt.NDArray[np.int64]:
    """Return the numbers of the patches of a grid of at most `most` by `most`, shape (height, width).

    Examples
    --------
    >>> patches(2, 4, most=2).tolist()
    [[0, 0, 1, 1], [2, 2, 3, 3]]
    """
    rows, columns = min(most, height), min(most, width)
    down = np.arange(height) * rows // height
    across = np.arange(width) * columns // width
    return np.asarray(down[:, None] * columns + across, dtype=np.int64)


def gray(image: FloatArray, low: float, high: float) -> Pixels:
    """Return an image of shape (channels, height, width) as red, green and blue, shape (height, width, 3)."""
    scaled = np.clip((image - low) / (high - low if high > low else 1.0), 0, 1)
    three = scaled if len(scaled) == 3 else np.repeat(scaled.mean(axis=0, keepdims=True), 3, axis=0)
    return np.asarray(np.round(255 * three.transpose(1, 2, 0)), dtype=np.uint8)


def overlay(image: FloatArray, values: FloatArray, low: float, high: float) -> Pixels:
    """Lay a signed map over a pale image: orange raises the output, blue lowers it."""
    pale = 0.35 * gray(image, low, high).mean(axis=2, keepdims=True) + 0.65 * 255
    top = float(np.abs(values).max()) or 1.0
    strength = np.abs(values / top)[..., None]
    color = np.where(values[..., None] > 0, np.array([214.0, 93.0, 0.0]), np.array([0.0, 90.0, 181.0]))
    return np.asarray(np.round((1 - strength) * pale + strength * color), dtype=np.uint8)


def shrunk(values: FloatArray, side: int) -> FloatArray:
    """Average blocks of the last two axes, so that neither has more than `side` places.

    Examples
    --------
    >>> shrunk(np.array([[0.0, 2.0, 4.0], [2.0, 4.0, 6.0]]), 2).tolist()
    [[2.0, 5.0]]
    """
    height, width = values.shape[-2:]
    step = -(-max(height, width) // max(side, 1))
    if step == 1:
        return values
    down, across = np.arange(0, height, step), np.arange(0, width, step)
    sums = np.add.reduceat(np.add.reduceat(values, down, axis=-2), across, axis=-1)
    sizes = np.diff([*down, height])[:, None] * np.diff([*across, width])[None, :]
    return np.asarray(sums / sizes)


def strip(tiles: Sequence[Pixels], zoom: int, columns: int = 0) -> Pixels:
    """Put tiles of one size side by side, enlarged, with a white gap.

    Examples
    --------
    >>> strip([np.zeros((2, 2, 3), np.uint8)] * 2, zoom=2).shape
    (4, 10, 3)
    """
    across = columns or len(tiles)
    height, width = tiles[0].shape[0] * zoom, tiles[0].shape[1] * zoom
    down = -(-len(tiles) // across)
    shape = (down * (height + GAP) - GAP, min(across, len(tiles)) * (width + GAP) - GAP, 3)
    canvas = np.full(shape, 255, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // across * (height + GAP), number % across * (width + GAP)
        canvas[top : top + height, left : left + width] = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return canvas


def png(pixels: Pixels) -> str:
    r"""Return an image of shape (height, width, 3) as PNG in base64; photographs that take much room in 64 colors.

    References
    ----------
    ISO/IEC 15948, Portable Network Graphics.

    Examples
    --------
    >>> base64.b64decode(png(np.zeros((1, 1, 3), np.uint8)))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    from PIL import Image

    whole = _write(Image.fromarray(pixels))
    if len(whole) > ROOM:
        whole = _write(Image.fromarray(pixels).quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    return base64.b64encode(whole).decode("ascii")


def _write(image: Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def where_in_words(values: FloatArray) -> str:
    """Say where most of a map lies.

    Examples
    --------
    >>> spot = np.zeros((9, 9)); spot[0, 8] = 1
    >>> where_in_words(spot)
    'upper right'
    """
    mass = np.abs(values)
    total = float(mass.sum())
    if total <= 0:
        return "nowhere"
    height, width = values.shape
    down = float(mass.sum(axis=1) @ np.arange(height)) / total / max(height - 1, 1)
    across = float(mass.sum(axis=0) @ np.arange(width)) / total / max(width - 1, 1)
    first = "upper " if down < 0.4 else "lower " if down > 0.6 else ""
    second = "left" if across < 0.4 else "right" if across > 0.6 else "middle"
    return f"{first}{second}"


def concentration(values: FloatArray) -> float:
    """Return the share of a map's absolute weight that its strongest tenth of places holds.

    Examples
    --------
    >>> spot = np.zeros((10, 10)); spot[0, :5] = 1
    >>> concentration(spot)
    1.0
    """
    mass = np.sort(np.abs(values).ravel())[::-1]
    total = float(mass.sum())
    return float(mass[: max(1, len(mass) // 10)].sum() / total) if total > 0 else 0.0
