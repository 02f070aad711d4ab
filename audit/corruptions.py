"""What cameras, keyboards and sensors do to images, texts and sequences, at three severities.

The families follow Hendrycks and Dietterich (2019), with plain numpy and scipy. Each function takes rows, a
severity from 0 (mild) to 2 (strong) and a generator, and returns rows of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]
SEVERITIES = ("mild", "medium", "strong")
Corruption = Callable[[Array, int, np.random.Generator], Array]
Scribble = Callable[[str, int, np.random.Generator], str]


# --- images of shape (n, channels, height, width) -------------------------------------------------


def _span(images: Array) -> float:
    return float(np.nanmax(images) - np.nanmin(images)) or 1.0


def _within(images: Array, like: Array) -> Array:
    return np.clip(images, np.nanmin(like), np.nanmax(like))


def noisy(images: Array, severity: int, generator: np.random.Generator) -> Array:
    """Add normal noise of 4, 10 or 20 % of the range of pixels.

    Examples
    --------
    >>> noisy(np.zeros((1, 1, 2, 2)), 0, np.random.default_rng(0)).shape
    (1, 1, 2, 2)
    """
    size = (0.04, 0.1, 0.2)[severity] * _span(images)
    return _within(images + generator.normal(0.0, size, images.shape), images)


def blur_images(images: Array, severity: int, generator: np.random.Generator) -> Array:  # noqa: ARG001 -- one signature
    """Blur by a Gaussian of 0.5, 1 or 1.5 pixels, more in larger images."""
    width = (0.5, 1.0, 1.5)[severity] * max(1.0, min(images.shape[2:]) / 32)
    return np.asarray(ndimage.gaussian_filter(images, (0, 0, width, width), mode="nearest"))


def brighter(images: Array, severity: int, generator: np.random.Generator) -> Array:  # noqa: ARG001
    """Add 10, 20 or 30 % of the range of pixels."""
    return _within(images + (0.1, 0.2, 0.3)[severity] * _span(images), images)


def duller(images: Array, severity: int, generator: np.random.Generator) -> Array:  # noqa: ARG001
    """Shrink contrast to 75, 50 or 30 %, around each image's mean."""
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(mean + (0.75, 0.5, 0.3)[severity] * (images - mean))


def shift_images(images: Array, severity: int, generator: np.random.Generator) -> Array:
    """Move each image by 3, 7 or 12 % of its side, at least a pixel more at each step."""
    side = min(images.shape[2:])
    reach = max(severity + 1, round((0.03, 0.07, 0.12)[severity] * side))
    order = generator.permutation(len(images))  # which image moves where is drawn, not its place in the table
    values = np.empty_like(images)
    for direction, (down, right) in enumerate(((reach, 0), (-reach, 0), (0, reach), (0, -reach))):
        drawn = order[direction::4]
        values[drawn] = ndimage.shift(images[drawn], (0, 0, down, right), order=0, mode="nearest")
    return values


def rotate_images(images: Array, severity: int, generator: np.random.Generator) -> Array:
    """Turn half of the images left and half right, by 5, 15 or 30 degrees."""
    angle = (5.0, 15.0, 30.0)[severity]
    left = generator.permutation(len(images)) % 2 == 0
    values = np.empty_like(images)
    for side, degrees in ((left, angle), (~left, -angle)):
        if side.any():
            values[side] = ndimage.rotate(images[side], degrees, axes=(2, 3), reshape=False, order=1, mode="nearest")
    return values


def occlude_images(images: Array, severity: int, generator: np.random.Generator) -> Array:
    """Put the least value into a square of 15, 25 or 40 % of the side, anywhere."""
    values = images.copy()
    height, width = images.shape[2:]
    size = max(1, round((0.15, 0.25, 0.4)[severity] * min(height, width)))
    tops = generator.integers(0, height - size + 1, len(images))
    lefts = generator.integers(0, width - size + 1, len(images))
    least = float(np.nanmin(images))
    for place, (top, start) in enumerate(zip(tops, lefts, strict=True)):
        values[place, :, top : top + size, start : start + size] = least
    return values


IMAGES: Mapping[str, Corruption] = {
    "noise": noisy,
    "blur": blur_images,
    "brightness": brighter,
    "contrast": duller,
    "shift": shift_images,
    "rotation": rotate_images,
    "occlusion": occlude_images,
}


# --- sequences of shape (n, steps, channels) ------------------------------------------------------


def sequence_noise(rows: Array, severity: int, generator: np.random.Generator) -> Array:
    """Add noise of 10, 25 or 50 % of each channel's standard deviation."""
    spread = np.nanstd(rows, axis=(0, 1), keepdims=True)
    return np.asarray(rows + (0.1, 0.25, 0.5)[severity] * spread * generator.normal(size=rows.shape))


def gaps(rows: Array, severity: int, generator: np.random.Generator) -> Array:
    """Lose 5, 10 or 25 % of the steps in one stretch; the last value before it goes on.

    Examples
    --------
    >>> gaps(np.arange(8.0).reshape(1, 8, 1), 2, np.random.default_rng(0)).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0]
    """
    steps = rows.shape[1]
    length = min(steps - 1, max(1, round((0.05, 0.1, 0.25)[severity] * steps)))
    starts = generator.integers(1, steps - length + 1, len(rows))
    place = np.arange(steps)[None, :]
    inside = (place >= starts[:, None]) & (place < starts[:, None] + length)
    source = np.where(inside, starts[:, None] - 1, place)
    return np.asarray(np.take_along_axis(rows, source[:, :, None], axis=1))


def lag_steps(rows: Array, severity: int, generator: np.random.Generator) -> Array:  # noqa: ARG001
    """Come one, two or four steps late; the first value stands in."""
    lag = min(rows.shape[1] - 1, (1, 2, 4)[severity])
    return np.concatenate([np.repeat(rows[:, :1], lag, axis=1), rows[:, : rows.shape[1] - lag]], axis=1)


SEQUENCES: Mapping[str, Corruption] = {"noise": sequence_noise, "gaps": gaps, "lag": lag_steps}


# --- texts ----------------------------------------------------------------------------------------


def typos(text: str, severity: int, generator: np.random.Generator) -> str:
    """Drop, double or swap 2, 5 or 10 % of the letters.

    Examples
    --------
    >>> len(typos("a" * 100, 2, np.random.default_rng(0))) != 100
    True
    """
    letters = list(text)
    hit = np.flatnonzero(generator.uniform(size=len(letters)) < (0.02, 0.05, 0.1)[severity])
    for place, kind in zip(hit, generator.integers(0, 3, len(hit)), strict=True):
        if kind == 0:
            letters[place] = ""
        elif kind == 1:
            letters[place] *= 2
        elif place + 1 < len(letters):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def case(text: str, severity: int, generator: np.random.Generator) -> str:
    """Write 10, 40 or 100 % of the words in capitals."""
    words = text.split(" ")
    raised = generator.uniform(size=len(words)) < (0.1, 0.4, 1.0)[severity]
    return " ".join(word.upper() if up else word for word, up in zip(words, raised, strict=True))


def spacing(text: str, severity: int, generator: np.random.Generator) -> str:
    """Lose or double 5, 15 or 30 % of the spaces."""
    drawn = generator.uniform(size=len(text))
    rate = (0.05, 0.15, 0.3)[severity]
    lines = []
    for letter, value in zip(text, drawn, strict=True):
        lost, doubled = value < rate / 2, rate / 2 <= value < rate
        lines.append(letter if letter != " " else "" if lost else "  " if doubled else " ")
    return "".join(lines)


SYNONYMS = {
    "good": "fine", "bad": "poor", "big": "large", "small": "little", "fast": "quick", "begin": "start",
    "buy": "purchase",
    "call": "ring", "cheap": "inexpensive", "answer": "reply", "happy": "glad", "help": "assist", "child": "kid",
    "job": "work", "end": "finish", "need": "require", "get": "obtain", "show": "display", "use": "employ",
    "free": "gratis", "win": "gain", "prize": "award", "now": "immediately", "send": "mail", "message": "note",
    "money": "cash", "friend": "pal", "home": "house", "think": "believe", "want": "wish", "ask": "inquire",
    "nice": "pleasant",
}  # fmt: skip
"""A small list; words that are not on it stay."""


def synonyms(text: str, severity: int, generator: np.random.Generator) -> str:
    """Replace 30, 60 or 100 % of the words of a small list by another word for the same.

    Examples
    --------
    >>> synonyms("a good friend", 2, np.random.default_rng(0))
    'a fine pal'
    """
    words = text.split(" ")
    drawn = generator.uniform(size=len(words)) < (0.3, 0.6, 1.0)[severity]
    return " ".join(SYNONYMS.get(word.lower(), word) if on else word for word, on in zip(words, drawn, strict=True))


TEXTS: Mapping[str, Scribble] = {"typos": typos, "case": case, "spacing": spacing, "synonyms": synonyms}


def scribble_texts(texts: Sequence[str], kind: str, severity: int, generator: np.random.Generator) -> list[str]:
    """Corrupt each text.

    Examples
    --------
    >>> scribble_texts(["some text"], "case", 2, np.random.default_rng(0))
    ['SOME TEXT']
    """
    return [TEXTS[kind](text, severity, generator) for text in texts]
