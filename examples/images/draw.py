"""Draw two kinds of pictures, leaves that are round and leaves that are pointed, in mixed sizes, by class and split."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def leaf(kind: str, rng: np.random.Generator) -> Image.Image:
    """Draw one leaf on a lawn: colors, place, size, and the size of the picture are drawn at random."""
    width, height = (int(size) for size in rng.integers(120, 260, 2))
    ground = rng.integers(0, 120, 3)
    noise = rng.normal(0, 25, (height, width, 3)) + ground
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    color = tuple(int(value) for value in rng.integers(120, 256, 3))
    size = 0.3 * min(width, height) * rng.uniform(0.7, 1.1)
    x, y = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.65)
    if kind == "round":
        pen.ellipse((x - size, y - size, x + size, y + size), fill=color)
    else:
        turn = rng.uniform(0, np.pi)
        points = [
            (x + radius * np.cos(turn + place * np.pi / 5), y + radius * np.sin(turn + place * np.pi / 5))
            for place, radius in enumerate([size, 0.45 * size] * 5)
        ]
        pen.polygon(points, fill=color)
    return image


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--folder", type=Path, default=Path("leaves"))
    reader.add_argument("--train", type=int, default=160, help="pictures of each class")
    reader.add_argument("--test", type=int, default=80, help="pictures of each class")
    asked = reader.parse_args()
    rng = np.random.default_rng(0)
    for split, count in (("train", asked.train), ("test", asked.test)):
        for kind in ("pointed", "round"):
            home = asked.folder / split / kind
            home.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                leaf(kind, rng).save(home / f"{number:03d}.png")


if __name__ == "__main__":
    main()
