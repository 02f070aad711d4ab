"""Learn the digits 5–9 from few labels, starting from a network that has seen only 0–4; against starting from nothing.

Run from the root: ``python examples/networks/transfer_digits.py [--data FOLDER] [--labels 10] [--draws 10]`` (about
two minutes). Both networks have the same layout, the same labels and the same number of epochs; the interval is
Student's, over independent draws of the labels, for this one backbone and these images.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from trainers import NetworkClassifier, save
from trainers.transfer import Stage, transfer

LAYOUT: dict[str, Any] = {
    "network": "cnn",
    "input_shape": (1, 28, 28),
    "channels": (16, 32, 64),
    "hidden": (64,),
    "batch_norm": True,
}
FEW: dict[str, Any] = {"dropout": 0.3, "batch_size": 8, "early_stopping": False, "validation_fraction": 0.0}
STAGES = (Stage(epochs=20, learning_rate=3e-3), Stage(unfreeze="all", epochs=20, learning_rate=3e-4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Accuracy on the images whose labels were not given."""

    transferred: float
    scratch: float
    difference: float
    low: float
    high: float
    draws: int
    labels: int

    def __str__(self) -> str:
        return (
            f"{self.labels} labels a digit, {self.draws} draws: transferred {self.transferred:.3f}, from nothing "
            f"{self.scratch:.3f}, gain {self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        )


def gain(data: Path, *, labels: int, draws: int) -> Gain:
    """Pretrain once, then compare on several draws of labels."""
    table = pd.read_parquet(data / "mnist5k" / "mnist5k.parquet")
    images, digits = table.drop(columns="label").to_numpy(), table["label"].to_numpy()
    low = digits < 5
    source = NetworkClassifier(
        **LAYOUT, learning_rate=2e-3, schedule="cosine", epochs=12, dropout=0.3, augment={"shift": 2, "noise": 0.1},
        batch_size=64, early_stopping=False, validation_fraction=0.0, threads=None, random_state=0,
    ).fit(images[low], digits[low])  # fmt: skip
    X, y = images[~low], digits[~low]
    with tempfile.TemporaryDirectory() as folder:
        path = save(source, Path(folder) / "backbone.safetensors")
        pairs = np.array([_pair(path, X, y, labels, seed) for seed in range(draws)])
    differences = pairs[:, 0] - pairs[:, 1]
    reach = stats.t.ppf(0.975, draws - 1) * differences.std(ddof=1) / np.sqrt(draws)
    return Gain(
        transferred=float(pairs[:, 0].mean()),
        scratch=float(pairs[:, 1].mean()),
        difference=float(differences.mean()),
        low=float(differences.mean() - reach),
        high=float(differences.mean() + reach),
        draws=draws,
        labels=labels,
    )


def _pair(path: Path, X: Any, y: Any, labels: int, seed: int) -> tuple[float, float]:  # noqa: ANN401
    rng = np.random.default_rng(seed)
    few = np.concatenate([rng.choice(np.flatnonzero(y == digit), labels, replace=False) for digit in range(5, 10)])
    rest = np.setdiff1d(np.arange(len(y)), few)
    template = NetworkClassifier(**FEW, hidden=LAYOUT["hidden"], random_state=seed)
    transferred = transfer(path, X[few], y[few], model=template, stages=STAGES)
    epochs = sum(stage.epochs for stage in STAGES)
    scratch = NetworkClassifier(**LAYOUT, **FEW, epochs=epochs, learning_rate=3e-3, random_state=seed)
    scratch.fit(X[few], y[few])
    return transferred.score(X[rest], y[rest]), scratch.score(X[rest], y[rest])


def main() -> int:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MODELASSAY_DATA", beside)))
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--draws", type=int, default=10)
    arguments = parser.parse_args()
    print(gain(arguments.data, labels=arguments.labels, draws=arguments.draws))
    return 0


if __name__ == "__main__":
    sys.exit(main())
