"""Where a picture becomes numbers: upright, grey or colored, resized, a byte a value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainers.errors import quote, quote_all

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
LEVELS_OF_16_BITS = 65_535


def labeled_files(folder: Path) -> list[tuple[str, Path]]:
    """List label and path of every picture ``folder/<label>/<picture>``, in the order of names, hidden ones left out.

    Examples
    --------
    >>> labeled_files(Path("no such folder"))
    []
    """
    pictures = (path for path in folder.glob("[!.]*/[!.]*") if path.suffix.lower() in SUFFIXES)
    return sorted((path.parent.name, path) for path in pictures)


def left_out(folder: Path) -> str:
    """Say which folders hold no picture and which pictures no label; empty where neither is.

    Examples
    --------
    >>> left_out(Path("no such folder"))
    ''
    """
    labels = {label for label, _ in labeled_files(folder)}
    others = [path for path in folder.glob("[!.]*") if path.name not in labels]
    empty = sorted(path.name for path in others if path.is_dir())
    loose = sorted(path.name for path in others if path.is_file() and path.suffix.lower() in SUFFIXES)
    parts = [f"{quote_all(empty, limit=5)} without a picture that can be read"] if empty else []
    parts += [f"{quote_all(loose, limit=5)} in no folder of a label"] if loose else []
    return f"{quote(folder.name)}: left out {' and '.join(parts)}" if parts else ""


def picture_values(picture: Image, size: tuple[int, int] | None, channels: int) -> NDArray[np.uint8]:
    """Return the bytes of a picture, channel by channel.

    A picture of 16 bits a pixel is brought to 8 (white stays white); transparency is left out.

    Parameters
    ----------
    picture : PIL.Image.Image
        Turned upright as its EXIF data say.
    size : (height, width), optional
        Resized to it, bilinear; without it the picture keeps its size.
    channels : int
        1 (grey) or 3 (color).

    Returns
    -------
    ndarray of shape (channels, height, width)
        From 0 to 255.

    Raises
    ------
    ValueError
        If a value of the picture is neither a byte nor a number of 16 bits.

    Examples
    --------
    >>> from PIL import Image
    >>> deep = Image.fromarray(np.array([[0, 257, 65535]], dtype=np.uint16))
    >>> picture_values(deep, None, 1).tolist()
    [[[0, 1, 255]]]
    """
    from PIL import Image, ImageOps

    shown = _eight_bits(ImageOps.exif_transpose(picture)).convert("L" if channels == 1 else "RGB")
    if size is not None and shown.size != (size[1], size[0]):
        shown = shown.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    values = np.asarray(shown, dtype=np.uint8)
    return values[None] if channels == 1 else np.moveaxis(values, -1, 0)


def _eight_bits(picture: Image) -> Image:
    """Bring numbers of 16 bits to bytes, which Pillow would cut off at 255."""
    if picture.mode[0] not in "IF":
        return picture
    from PIL import Image

    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > LEVELS_OF_16_BITS:
        raise ValueError(f"its values are of mode {picture.mode}; expected 8 or 16 bits a channel")
    return Image.fromarray(np.round(values / (LEVELS_OF_16_BITS / 255)).astype(np.uint8))
